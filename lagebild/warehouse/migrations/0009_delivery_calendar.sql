-- What is due, when it came, and what nobody sent: the calendar of deliveries, and which late ones were told to whom.

create table quality.source_schedule (
    source text primary key,
    owner text not null,
    every text check (every in ('month', 'quarter', 'year')),
    lag interval,
    first_on date,
    reason text not null,
    retired_on date,
    retired_reason text,
    check ((every is null) = (lag is null)),
    check (first_on is null or every is not null),
    check ((retired_on is null) = (retired_reason is null))
);
comment on table quality.source_schedule is
'When the house expects each source, as its contract says (`due`, `retired`); written by every migrate, never by hand.';
comment on column quality.source_schedule.every is 'Length of a period; null where nothing is due.';
comment on column quality.source_schedule.lag is 'Time from the end of a period to the last day in time.';
comment on column quality.source_schedule.first_on is
'First day of the first period that is due; null: from the first delivery here on.';

create table quality.late_alert (
    source text not null,
    region_code text not null,
    period text not null,
    channel text not null,
    sent_at timestamptz not null default now(),
    primary key (source, region_code, period, channel)
);
comment on table quality.late_alert is
'Late periods that a channel was told of, so that it is told once. A row goes when its period is no longer late.';
comment on column quality.late_alert.region_code is 'AGS; empty where the source does not deliver by municipality.';

-- The calendar on a day. A function, so that tests can ask for any day; with the rights of its owner, so that readers
-- of marts need none on raw. Nothing in it may fail on a period that is written in an unforeseen way.
create function quality.delivery_calendar(today date default (now() at time zone 'Europe/Berlin')::date)
returns table (
    source text,
    region_code text,
    period text,
    period_ends_on date,
    due_on date,
    first_delivered_at timestamptz,
    days_late integer,
    state text,
    is_late boolean,
    delivery_id bigint,
    retired_on date,
    reason text,
    owner text
)
language sql stable security definer
begin atomic
    -- A delivery and the time that its period names: a year, or a month, also where the period names a day of it.
    with dated as (
        select
            d.*,
            substring(d.period from '^(\d{8})_') as region_code,
            regexp_match(d.period, '^(?:.*\D)?([12]\d{3})(?:-(0[1-9]|1[0-2])(?:-\d{2})?)?(?!\d)') as parts
        from raw.delivery as d
    ),

    delivery as (
        select
            dated.*,
            make_date(parts[1]::integer, coalesce(parts[2], '1')::integer, 1) as covers_from,
            case when parts[2] is null then interval '1 year' else interval '1 month' end as covers
        from dated
    ),

    rule as (
        select
            s.*,
            case s.every
                when 'month' then interval '1 month'
                when 'quarter' then interval '3 months'
                when 'year' then interval '1 year'
            end as step
        from quality.source_schedule as s
    ),

    -- Who delivers: a source, or a municipality of it. What was refused makes nobody a supplier.
    supplier as (
        select
            r.source,
            d.region_code,
            min((d.received_at at time zone 'Europe/Berlin')::date) as since_on
        from rule as r
        left join delivery as d on r.source = d.source and d.state <> 'refused'
        group by r.source, d.region_code
    ),

    -- Days count from the first day after the period, so that a month's end stays a month's end.
    possible as (
        select
            s.source,
            s.region_code,
            s.since_on,
            r.first_on,
            r.retired_on,
            p.starts::date as starts_on,
            (p.starts + r.step)::date - 1 as ends_on,
            (p.starts + r.step + r.lag)::date - 1 as due_on
        from supplier as s
        inner join rule as r on s.source = r.source
        cross join lateral generate_series(
            date_trunc(r.every, coalesce(r.first_on, s.since_on - r.lag - 2 * r.step)::timestamp),
            today::timestamp,
            r.step
        ) as p (starts)
        where r.every is not null
    ),

    expected as (
        select
            source,
            region_code,
            starts_on,
            due_on
        from possible
        where (first_on is not null or due_on >= since_on) and (retired_on is null or ends_on <= retired_on)
    ),

    -- What came, for each period of the rule that it touches; without a rule, for the period that it names itself.
    came as (
        select
            d.source,
            d.region_code,
            p.starts::date as starts_on,
            case when p.starts is null then d.period end as own_period,
            d.delivery_id,
            d.state,
            d.received_at,
            d.state not in ('refused', 'withdrawn') as is_there
        from delivery as d
        left join rule as r on d.source = r.source
        left join lateral generate_series(
            date_trunc(r.every, d.covers_from::timestamp),
            d.covers_from + d.covers - interval '1 day',
            r.step
        ) as p (starts) on true
    ),

    arrival as (
        select
            source,
            region_code,
            starts_on,
            own_period,
            min(received_at) as first_delivered_at,
            min(received_at) filter (where is_there) as arrived_at,
            (
                array_agg(delivery_id order by
                    array_position(array['accepted', 'held', 'loaded', 'received', 'superseded'], state),
                    delivery_id desc
                )
            )[1] as delivery_id
        from came
        group by source, region_code, starts_on, own_period
    ),

    entry as (
        select
            coalesce(e.source, a.source) as source,
            coalesce(e.region_code, a.region_code) as region_code,
            coalesce(e.starts_on, a.starts_on) as starts_on,
            a.own_period,
            e.due_on,
            a.first_delivered_at,
            a.arrived_at,
            a.delivery_id
        from expected as e
        full join arrival as a
            on e.source = a.source
            and coalesce(e.region_code, '') = coalesce(a.region_code, '')
            and e.starts_on = a.starts_on
    ),

    final as (
        select
            e.source,
            e.region_code,
            case r.every
                when 'year' then to_char(e.starts_on, 'YYYY')
                when 'quarter' then to_char(e.starts_on, 'YYYY"-Q"Q')
                when 'month' then to_char(e.starts_on, 'YYYY-MM')
            end as rule_period,
            e.own_period,
            (e.starts_on + r.step)::date - 1 as period_ends_on,
            e.due_on,
            e.first_delivered_at,
            greatest(0, coalesce((e.arrived_at at time zone 'Europe/Berlin')::date, today) - e.due_on) as days_late,
            case when d.state is not null then d.state when e.due_on < today then 'late' else 'due' end as state,
            e.arrived_at is null and coalesce(e.due_on < today, false) as is_late,
            e.delivery_id,
            r.reason,
            r.owner
        from entry as e
        left join rule as r on e.source = r.source
        left join raw.delivery as d on e.delivery_id = d.delivery_id
    )

    select
        f.source,
        f.region_code,
        coalesce(f.own_period, f.rule_period),
        f.period_ends_on,
        f.due_on,
        f.first_delivered_at,
        case when f.due_on is not null then f.days_late end,
        f.state,
        f.is_late,
        f.delivery_id,
        null::date,
        f.reason,
        f.owner
    from final as f
    union all
    -- Sources as such: given up, or not begun.
    select
        r.source,
        null,
        null,
        null,
        null,
        null,
        null,
        case when r.retired_on is null then 'not_begun' else 'retired' end,
        false,
        null,
        r.retired_on,
        coalesce(r.retired_reason, r.reason),
        r.owner
    from rule as r
    where r.retired_on is not null or not exists (select from entry as e where e.source = r.source);
end;

revoke execute on function quality.delivery_calendar(date) from public;
grant execute on function quality.delivery_calendar(date) to lagebild_loader, bi_reader, statistics_office;
grant select, insert, delete on quality.late_alert to lagebild_loader;

create view marts.delivery_calendar as
select
    c.source,
    c.region_code,
    c.period,
    c.period_ends_on,
    c.due_on,
    c.first_delivered_at,
    c.days_late,
    c.state,
    c.is_late,
    c.delivery_id,
    c.retired_on,
    c.reason,
    c.owner
from quality.delivery_calendar() as c;
comment on view marts.delivery_calendar is
'What was due, when it came, how late and in what state, now: one row a source, municipality and period, and one without a period for a source that is retired or has not begun. Live, and so in no publication. Due dates are expectations of the house, written in the contracts; none is a date that a law sets.';
comment on column marts.delivery_calendar.source is 'Source id, as in the contracts.';
comment on column marts.delivery_calendar.region_code is
'AGS of the municipality; null where the source does not deliver by municipality.';
comment on column marts.delivery_calendar.period is
'Period: 2024, 2024-Q3 or 2024-07; of a source without due dates as the file is named; null in the row of a source as such.';
comment on column marts.delivery_calendar.period_ends_on is 'Last day of the period; null where it has no due dates.';
comment on column marts.delivery_calendar.due_on is
'Last day in time, as the house expects it. Null where nothing was due: without due dates, and for what came from before the source was first delivered here.';
comment on column marts.delivery_calendar.first_delivered_at is 'When the first file for the period came, also one that was sent back; null: none.';
comment on column marts.delivery_calendar.days_late is
'Days from the last day in time to the first delivery that was not sent back, or to today; 0 in time, null where nothing was due.';
comment on column marts.delivery_calendar.state is
'due: nothing came yet; late: nothing came in time; received, loaded, held, accepted, superseded, refused, withdrawn: the state of the delivery that stands for the period; retired: the source is given up; not_begun: nothing ever came, and nothing is due before it does.';
comment on column marts.delivery_calendar.is_late is
'Whether the last day in time is over and nothing is there: nothing came, or all of it was refused or withdrawn.';
comment on column marts.delivery_calendar.delivery_id is
'The delivery that stands for the period: the accepted one, else the one nearest to it; null: none.';
comment on column marts.delivery_calendar.retired_on is 'Since when the source is given up; only in the row of a retired source.';
comment on column marts.delivery_calendar.reason is 'Why the house expects it then, or why the source was given up.';
comment on column marts.delivery_calendar.owner is 'Who answers for the delivery.';
grant select on marts.delivery_calendar to bi_reader, statistics_office;

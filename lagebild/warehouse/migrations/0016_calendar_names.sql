-- The calendar leaves out deliveries whose files had a wrong name: they are for no period that could be due.

create or replace function quality.delivery_calendar(today date default (now() at time zone 'Europe/Berlin')::date)
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
        where d.period <> 'unknown'
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

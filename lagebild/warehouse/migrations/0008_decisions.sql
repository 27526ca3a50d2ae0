-- Decisions that expire and say what they overruled; verdicts and decisions as readers may see them.

alter table raw.delivery add column accepted_until date;
comment on column raw.delivery.accepted_until is
'Last day (German time) of its acceptance, if that was given an end; the first build after it holds the delivery again.';

alter table raw.delivery_event
add column until date,
add column problems text[];
comment on column raw.delivery_event.until is 'Of an acceptance: its last day. Null: without end.';
comment on column raw.delivery_event.problems is
'Of a held delivery: what the gate found. Of an acceptance: what it was accepted in spite of. Null: unknown, or none.';

create index on raw.delivery_event (delivery_id);

create table raw.source (
    source text primary key,
    is_about_persons boolean not null
);
comment on table raw.source is 'The sources as their contracts describe them, brought up to date by every migration run.';

-- What the gate said of a delivery, for readers: of a source about persons a count below the smallest cell stays unsaid.
create function quality.shown(said text, is_about_persons boolean) returns text immutable language sql as $$
    select case
        when is_about_persons then regexp_replace(
            regexp_replace(said, '(^|: )[12] of\M', '\1fewer than 3 of', 'g'),
            '(^|: )[12] (row|finding)s?\M', '\1fewer than 3 \2s', 'g'
        )
        else said
    end
$$;

create view marts.quality_verdict as
select
    v.verdict_id,
    case when v.build_id is null then 'delivery' else 'marts' end as subject_kind,
    d.source,
    d.period,
    d.sha256,
    d.attempt,
    d.delivery_id,
    d.state as delivery_state,
    v.build_id,
    p.publication_id,
    v.expectation,
    v.why,
    v.severity,
    v.owner,
    v.passed,
    quality.shown(v.observed, coalesce(s.is_about_persons, d.delivery_id is not null)) as observed,
    v.expected,
    case when not s.is_about_persons then array_to_string(v.failing_rows, ', ') end as failing_rows,
    v.checked_at,
    a.at as accepted_at,
    a.until as accepted_until,
    a.why as accepted_why
from quality.verdict as v
left join raw.delivery as d on v.delivery_id = d.delivery_id
left join raw.source as s on d.source = s.source
left join published.publication as p on v.build_id = p.build_id
left join lateral (
    select e.at, e.until, e.why
    from raw.delivery_event as e
    where e.delivery_id = v.delivery_id and e.state = 'accepted' and e.at >= v.checked_at
        and exists (
            select 1 from raw.delivery_event as h
            where h.delivery_id = e.delivery_id and h.state = 'held' and h.event_id < e.event_id
        )
    order by e.event_id desc
    limit 1
) as a on not v.passed and v.severity = 'hold';
comment on view marts.quality_verdict is
'What each expectation said of each delivery and of the marts of each build, as of now: a live view, of no publication. No value of a person is in it.';
comment on column marts.quality_verdict.verdict_id is 'Number of the verdict; later ones are higher.';
comment on column marts.quality_verdict.subject_kind is 'What was checked: a delivery, or the marts of a build before publication.';
comment on column marts.quality_verdict.source is 'Source of the delivery; null for marts.';
comment on column marts.quality_verdict.period is 'Period of the delivery; null for marts.';
comment on column marts.quality_verdict.sha256 is 'SHA-256 of the delivered file; null for marts.';
comment on column marts.quality_verdict.attempt is 'How many times these bytes had been loaded; null for marts.';
comment on column marts.quality_verdict.delivery_id is 'Number of the delivery in the ledger; null for marts.';
comment on column marts.quality_verdict.delivery_state is
'State of the delivery now: loaded, accepted, held, refused, superseded or withdrawn; null for marts.';
comment on column marts.quality_verdict.build_id is 'Build whose marts were checked; null for a delivery.';
comment on column marts.quality_verdict.publication_id is 'Publication that the build led to; null where it was stopped, and for a delivery.';
comment on column marts.quality_verdict.expectation is 'Name of the expectation.';
comment on column marts.quality_verdict.why is 'Why it must hold, in one sentence.';
comment on column marts.quality_verdict.severity is
'What follows when it fails: hold (the delivery waits, the publication stops), warn (readers are told) or note (for the log).';
comment on column marts.quality_verdict.owner is 'Who answers questions about the expectation; null where it was not written down yet.';
comment on column marts.quality_verdict.passed is 'Whether it held.';
comment on column marts.quality_verdict.observed is
'What was found: a count or a few words. Of a source about persons a count only, below 3 as "fewer than 3".';
comment on column marts.quality_verdict.expected is 'What was expected, in words.';
comment on column marts.quality_verdict.failing_rows is
'Lines of the file that failed, at most the first 20; null for marts and for a source about persons, where a line would lead to a case.';
comment on column marts.quality_verdict.checked_at is 'When it was checked.';
comment on column marts.quality_verdict.accepted_at is
'When a person accepted the delivery in spite of this verdict; null where nobody did.';
comment on column marts.quality_verdict.accepted_until is 'Last day of that acceptance; null where it has no end, or where nobody accepted.';
comment on column marts.quality_verdict.accepted_why is 'Reason given for that acceptance; null where nobody accepted.';
grant select on marts.quality_verdict to bi_reader, statistics_office, lagebild_builder;

-- What was found wrong in the deliveries and marts of each publication, as before; small counts are not said any more.
create or replace view marts.publication_warning as
select
    p.publication_id,
    d.source || ' ' || d.period || ' (' || d.file_name || ')' as subject,
    v.expectation,
    v.why,
    quality.shown(v.observed, coalesce(s.is_about_persons, true)) as observed,
    v.expected
from published.publication as p
inner join raw.build_input as i on p.build_id = i.build_id
inner join raw.delivery as d on i.delivery_id = d.delivery_id
inner join quality.verdict as v on i.delivery_id = v.delivery_id
left join raw.source as s on d.source = s.source
where not v.passed and v.severity <> 'note' and v.checked_at <= p.published_at
union
select p.publication_id, 'marts', v.expectation, v.why, v.observed, v.expected
from published.publication as p
inner join quality.verdict as v on p.build_id = v.build_id
where not v.passed and v.severity <> 'note' and v.checked_at <= p.published_at;

-- Read from the log, so that it stays what it was when the publication was made.
create view marts.publication_acceptance as
select
    p.publication_id,
    d.delivery_id,
    d.source,
    d.period,
    d.file_name,
    d.sha256,
    quality.shown(array_to_string(a.problems, '; '), coalesce(s.is_about_persons, true)) as in_spite_of,
    a.at as accepted_at,
    a.until as accepted_until,
    a.why as accepted_why
from published.publication as p
inner join raw.build_input as i on p.build_id = i.build_id
inner join raw.delivery as d on i.delivery_id = d.delivery_id
left join raw.source as s on d.source = s.source
cross join lateral (
    select e.problems, e.at, e.until, e.why
    from raw.delivery_event as e
    where e.delivery_id = d.delivery_id and e.state = 'accepted' and e.at <= p.published_at
    order by e.event_id desc
    limit 1
) as a
where a.problems <> '{}';
comment on view marts.publication_acceptance is
'The deliveries behind each publication that a person accepted in spite of what the checks found: why, and until when.';
comment on column marts.publication_acceptance.publication_id is 'Publication that was built from the delivery.';
comment on column marts.publication_acceptance.delivery_id is 'Number of the delivery in the ledger.';
comment on column marts.publication_acceptance.source is 'Source of the delivery.';
comment on column marts.publication_acceptance.period is 'Period of the delivery.';
comment on column marts.publication_acceptance.file_name is 'Name of the delivered file.';
comment on column marts.publication_acceptance.sha256 is 'SHA-256 of the delivered file.';
comment on column marts.publication_acceptance.in_spite_of is
'What was found wrong and overruled: expectation, observed, expected; of a source about persons counts only, below 3 as "fewer than 3".';
comment on column marts.publication_acceptance.accepted_at is 'When it was accepted.';
comment on column marts.publication_acceptance.accepted_until is
'Last day of the acceptance; after it the next build leaves the delivery out, this publication stays as it is.';
comment on column marts.publication_acceptance.accepted_why is 'Reason that was given for it.';
grant select on marts.publication_acceptance to bi_reader, statistics_office, lagebild_builder;

-- How old the inputs of a mart were when it was published. Beside the content and not in it: an unchanged mart is
-- referenced again by a later publication, and its inputs are older then.
create function published.input_age_days(build bigint, mart_sources text[], at timestamptz) returns integer
stable language sql as $$
    select extract(day from at - min(newest.received_at))::integer
    from (
        select max(d.received_at) as received_at
        from raw.build_input as i
        inner join raw.delivery as d on i.delivery_id = d.delivery_id
        where i.build_id = build and i.source = any(mart_sources)
        group by i.source
    ) as newest
$$;
alter table published.publication_mart add column input_age_days integer;
update published.publication_mart as m
set input_age_days = published.input_age_days(p.build_id, m.sources, p.published_at)
from published.publication as p
where m.publication_id = p.publication_id;

-- The same for each source and period, as it was when the publication was made: the log of the ledger says so.
create or replace view marts.publication_source as
select
    m.publication_id,
    m.mart,
    m.model_version,
    i.source,
    i.period,
    d.delivery_id,
    d.file_name,
    d.sha256,
    d.records,
    d.loaded,
    d.rejected,
    d.received_at,
    d.erased_at,
    d.erased_why,
    d.layout,
    extract(day from p.published_at - d.received_at)::integer as age_days,
    w.delivery_id as held_delivery_id
from published.publication_mart as m
inner join published.publication as p on m.publication_id = p.publication_id
inner join raw.build_input as i on p.build_id = i.build_id and i.source = any(m.sources)
inner join raw.delivery as d on i.delivery_id = d.delivery_id
left join lateral (
    select later.delivery_id
    from raw.delivery as later
    inner join lateral (
        select e.state
        from raw.delivery_event as e
        where e.delivery_id = later.delivery_id and e.at <= p.published_at
        order by e.event_id desc
        limit 1
    ) as then_in on then_in.state = 'held'
    where later.source = d.source and later.period = d.period and later.delivery_id <> d.delivery_id
    order by later.delivery_id desc
    limit 1
) as w on true;
comment on column marts.publication_source.age_days is
'Full days from the receipt of the delivery to the publication that was built from it.';
comment on column marts.publication_source.held_delivery_id is
'Another delivery of the same source and period that was held when this was published, so that this older one was used; else null.';

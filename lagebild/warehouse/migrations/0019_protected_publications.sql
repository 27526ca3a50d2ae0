-- Publications made before figures were protected in all marts and beside each other stay in `published`. Readers see
-- none of them any more: what is not marked by the code that protects it is not shown.

alter table published.publication add column is_protected boolean not null default false;
comment on column published.publication.is_protected is
'Whether it was made by code that protects its figures, also beside earlier publications. Set at publication alone; readers see no other.';

create or replace view marts.publication as
select
    p.publication_id,
    p.published_at,
    p.code_version,
    p.publication_id = c.publication_id as is_current
from published.publication as p
cross join published.current_publication as c
where p.is_protected;
comment on view marts.publication is 'Every publication that readers see, and which one is in force.';

create view marts_internal.publication as
select
    p.publication_id,
    p.published_at,
    p.code_version,
    p.publication_id = c.publication_id as is_current,
    p.is_protected
from published.publication as p
cross join published.current_publication as c;
comment on view marts_internal.publication is
'Every publication, also those from before figures were protected, which readers see none of.';
comment on column marts_internal.publication.publication_id is 'The publication.';
comment on column marts_internal.publication.published_at is 'When it was made.';
comment on column marts_internal.publication.code_version is 'The code that made it.';
comment on column marts_internal.publication.is_current is 'Whether it is in force.';
comment on column marts_internal.publication.is_protected is 'Whether readers see it.';

-- How many rows a list of grants or a register has, less what is shown of it, is what is hidden of it. So readers are
-- not told; and a mart that is not theirs is not named to them.
create view marts_internal.publication_source as
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
    w.delivery_id as held_delivery_id,
    p.is_protected and to_regclass(format('marts.%I', m.mart || '_vintage')) is not null as is_for_readers,
    coalesce(s.is_about_persons, true) as is_about_persons,
    exists (
        select from published.publication_mart as g
        where g.publication_id = m.publication_id and g.mart = 'funding_granted' and i.source = any(g.sources)
    ) as is_list_of_grants
from published.publication_mart as m
inner join published.publication as p on m.publication_id = p.publication_id
inner join raw.build_input as i on p.build_id = i.build_id and i.source = any(m.sources)
inner join raw.delivery as d on i.delivery_id = d.delivery_id
left join raw.source as s on i.source = s.source
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
comment on view marts_internal.publication_source is
'For each mart of each publication the deliveries behind it, with the number of their rows, also of what readers do not see.';

create or replace view marts.publication_source as
select
    publication_id,
    mart,
    model_version,
    source,
    period,
    delivery_id,
    file_name,
    sha256,
    case when not is_about_persons and not is_list_of_grants then records end as records,
    case when not is_about_persons and not is_list_of_grants then loaded end as loaded,
    case when not is_about_persons and not is_list_of_grants then rejected end as rejected,
    received_at,
    erased_at,
    erased_why,
    layout,
    age_days,
    held_delivery_id
from marts_internal.publication_source
where is_for_readers;
comment on view marts.publication_source is
'For each mart of each publication the deliveries behind it: file, SHA-256, records, loaded and rejected rows; of registers and lists of grants the numbers are confidential.';

create view marts_internal.publication_set_aside as
select
    p.publication_id,
    s.source,
    s.period,
    s.delivery_id,
    d.file_name,
    d.sha256,
    s.read_instead as read_delivery_id,
    s.reason,
    p.is_protected as is_for_readers
from published.publication as p
inner join raw.build_set_aside as s on p.build_id = s.build_id
inner join raw.delivery as d on s.delivery_id = d.delivery_id;
comment on view marts_internal.publication_set_aside is
'Accepted deliveries that a publication was made without, and which test or model failed with them.';

create or replace view marts.publication_set_aside as
select
    publication_id,
    source,
    period,
    delivery_id,
    file_name,
    sha256,
    read_delivery_id,
    'a check of what it feeds failed' as reason
from marts_internal.publication_set_aside
where is_for_readers;
comment on column marts.publication_set_aside.reason is 'That a check failed with it; which one, the house knows.';

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
where p.is_protected and not v.passed and v.severity <> 'note' and v.checked_at <= p.published_at
union
select p.publication_id, 'marts', v.expectation, v.why, v.observed, v.expected
from published.publication as p
inner join quality.verdict as v on p.build_id = v.build_id
where p.is_protected and not v.passed and v.severity <> 'note' and v.checked_at <= p.published_at
    and to_regclass(format('marts.%I', split_part(v.expectation, '.', 1) || '_vintage')) is not null
union
select
    s.publication_id,
    s.source || ' ' || s.period || ' (' || s.file_name || ')',
    'set_aside',
    'A build that read this delivery failed on what it feeds, so this publication was made without it.',
    s.reason,
    'a publication of every accepted delivery'
from marts.publication_set_aside as s;

create or replace view marts.publication_acceptance as
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
where p.is_protected and a.problems <> '{}';

create or replace view marts.publication_rollback as
select r.rollback_id, r.from_publication, r.to_publication, r.rolled_back_at, r.reason
from published.rollback as r
inner join published.publication as f on r.from_publication = f.publication_id and f.is_protected
inner join published.publication as t on r.to_publication = t.publication_id and t.is_protected;

create or replace view marts.quality_verdict as
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
left join published.publication as p on v.build_id = p.build_id and p.is_protected
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
) as a on not v.passed and v.severity = 'hold'
-- what is checked of marts that are not theirs is not named to readers
where v.build_id is null
    or split_part(v.expectation, '.', 1) = 'disclosure'
    or to_regclass(format('marts.%I', split_part(v.expectation, '.', 1) || '_vintage')) is not null;

grant select on marts_internal.publication, marts_internal.publication_source, marts_internal.publication_set_aside
to statistics_office, lagebild_builder;

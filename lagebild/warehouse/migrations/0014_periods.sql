-- The order of periods as time; what a build left out because it failed on it, and what was asked of it.

alter table raw.build_input add column period_order integer;
comment on column raw.build_input.period_order is
'Place of the delivery among those of its source that the build reads, by their periods as time: of a key, the rows of '
'the highest count. Null in builds from before there was an order.';

alter table raw.build add column fingerprint text;
comment on column raw.build.fingerprint is
'Of the code and of every delivery that was accepted when the build began, also of those that it does not read.';

create table raw.build_set_aside (
    build_id bigint not null references raw.build,
    source text not null,
    period text not null,
    delivery_id bigint not null references raw.delivery,
    read_instead bigint references raw.delivery,
    failed_build bigint not null references raw.build,
    reason text not null,
    primary key (build_id, source, period)
);
comment on table raw.build_set_aside is
'Accepted deliveries that a build left out, because an earlier one failed on what their source feeds: which test or '
'model failed, and which delivery of the publication in force was read in its place, if any. No value is in it.';
grant select, insert on raw.build_set_aside to lagebild_builder;
grant select on raw.build_set_aside to lagebild_loader;

-- For readers: what a publication was made without.
create view marts.publication_set_aside as
select
    p.publication_id,
    s.source,
    s.period,
    s.delivery_id,
    d.file_name,
    d.sha256,
    s.read_instead as read_delivery_id,
    s.reason
from published.publication as p
inner join raw.build_set_aside as s on p.build_id = s.build_id
inner join raw.delivery as d on s.delivery_id = d.delivery_id;
comment on view marts.publication_set_aside is
'Accepted deliveries that a publication was made without, because a build failed on what they feed, and what it read in their place.';
comment on column marts.publication_set_aside.publication_id is 'The publication.';
comment on column marts.publication_set_aside.source is 'Source id.';
comment on column marts.publication_set_aside.period is 'Period of the delivery, as its contract names it.';
comment on column marts.publication_set_aside.delivery_id is 'Number of the delivery that was left out.';
comment on column marts.publication_set_aside.file_name is 'File as it was delivered.';
comment on column marts.publication_set_aside.sha256 is 'SHA-256 of the delivered file.';
comment on column marts.publication_set_aside.read_delivery_id is
'Delivery of the same source and period that was read in its place, as in the publication before; null: none.';
comment on column marts.publication_set_aside.reason is 'Which test or model failed with it.';
grant select on marts.publication_set_aside to bi_reader, statistics_office, lagebild_builder;

-- The notes of extracts and readers of warnings hear of it where they look already.
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
where not v.passed and v.severity <> 'note' and v.checked_at <= p.published_at
union
select
    s.publication_id,
    s.source || ' ' || s.period || ' (' || s.file_name || ')',
    'set_aside',
    'A build that read this delivery failed on what it feeds, so this publication was made without it.',
    s.reason,
    'a publication of every accepted delivery'
from marts.publication_set_aside as s;

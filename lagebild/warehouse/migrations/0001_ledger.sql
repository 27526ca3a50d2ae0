-- The ledger: every delivery, every rejected row, every build and what it read.
-- Roles exist before the first migration (lagebild/warehouse/roles.py).

create schema raw;
create schema quality;
create schema published;
create schema marts;
create schema marts_internal;
create schema build authorization lagebild_builder;

create table raw.warehouse (
    only_row boolean primary key default true check (only_row),
    kind text not null check (kind in ('demo', 'own'))
);
comment on table raw.warehouse is
'What this warehouse holds: bundled (demo) or own deliveries. The two never mix.';

create table raw.delivery (
    delivery_id bigint generated always as identity primary key,
    source text not null,
    period text not null,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    attempt integer not null check (attempt >= 1),
    file_name text not null,
    byte_size bigint not null,
    landing_path text not null,
    contract_version text not null,
    code_version text not null,
    state text not null check (
        state in ('received', 'loaded', 'accepted', 'held', 'refused', 'superseded', 'withdrawn')
    ),
    reason text,
    records bigint check (records >= 0),
    loaded bigint check (loaded >= 0),
    rejected bigint check (rejected >= 0),
    supersedes bigint references raw.delivery,
    received_at timestamptz not null default now(),
    decided_at timestamptz,
    unique (source, period, sha256, attempt),
    constraint nothing_lost check (records = loaded + rejected)
);
comment on table raw.delivery is 'The ledger: one row a delivery (source, period, SHA-256) and attempt.';
-- Law 1: the same bytes are a no-op while they are loaded, held or accepted.
create unique index delivery_in_force on raw.delivery (source, period, sha256)
where state in ('received', 'loaded', 'held', 'accepted');
-- "Last accepted" is per source and period, and there is one.
create unique index delivery_accepted on raw.delivery (source, period) where state = 'accepted';

create table raw.delivery_event (
    event_id bigint generated always as identity primary key,
    delivery_id bigint not null references raw.delivery,
    state text not null,
    at timestamptz not null default now(),
    by text not null,
    why text
);
comment on table raw.delivery_event is 'Who moved a delivery to which state, when and why.';

create table raw.rejected_row (
    delivery_id bigint not null references raw.delivery,
    line_number bigint not null,
    reasons jsonb not null,
    fields jsonb
);
comment on table raw.rejected_row is
'Rows that broke the contract: physical line, every reason (code, field, message), fields with personal ones masked.';
create index on raw.rejected_row (delivery_id);

create table raw.build (
    build_id bigint generated always as identity primary key,
    state text not null check (state in ('running', 'published', 'unchanged', 'stopped', 'overtaken')),
    code_version text not null,
    reason text,
    started_at timestamptz not null default now(),
    ended_at timestamptz
);
create table raw.build_input (
    build_id bigint not null references raw.build,
    source text not null,
    period text not null,
    delivery_id bigint not null references raw.delivery,
    primary key (build_id, source, period)
);
comment on table raw.build_input is 'What a build reads: fixed before it starts, and the provenance of its figures.';

create table raw.build_token (
    only_row boolean primary key default true check (only_row),
    build_id bigint references raw.build
);
insert into raw.build_token (build_id) values (null);
comment on table raw.build_token is 'The build that may write and publish. Whoever takes it over shuts the former out.';

-- Every model and the publication call this in their own transaction: the share lock makes a
-- take-over wait for the statement under way, and the next statement of the former build fail.
create function raw.assert_build_token(build bigint) returns void language plpgsql as $$
declare
    holder bigint;
begin
    select t.build_id into holder from raw.build_token as t for share;
    if holder is distinct from build then
        raise exception 'build % was overtaken by build %: it may not write or publish', build, coalesce(holder::text, 'none')
            using errcode = 'LB001', hint = 'Start a new build: lagebild build';
    end if;
end
$$;

create table quality.verdict (
    verdict_id bigint generated always as identity primary key,
    delivery_id bigint references raw.delivery,
    build_id bigint references raw.build,
    expectation text not null,
    why text not null,
    severity text not null check (severity in ('hold', 'warn', 'note')),
    passed boolean not null,
    observed text,
    expected text,
    failing_rows bigint[],
    checked_at timestamptz not null default now(),
    check ((delivery_id is null) <> (build_id is null))
);
comment on table quality.verdict is
'What each expectation said of a delivery or of the candidate marts of a build. No value of a person is in it.';
create index on quality.verdict (delivery_id);
create index on quality.verdict (build_id);

create table published.publication (
    publication_id bigint generated always as identity primary key,
    build_id bigint not null references raw.build,
    code_version text not null,
    fingerprint text not null,
    published_at timestamptz not null default now()
);
create table published.content (
    content_id bigint generated always as identity primary key,
    mart text not null,
    sha256 text not null,
    row_count bigint not null,
    unique (mart, sha256)
);
comment on table published.content is 'Each distinct content of a mart is stored once; an unchanged mart is referenced.';
create table published.publication_mart (
    publication_id bigint not null references published.publication,
    mart text not null,
    content_id bigint not null references published.content,
    model_version text not null,
    sources text[] not null,
    primary key (publication_id, mart)
);
create table published.current_publication (
    only_row boolean primary key default true check (only_row),
    publication_id bigint references published.publication
);
insert into published.current_publication (publication_id) values (null);
create table published.release (
    release_id bigint generated always as identity primary key,
    publication_id bigint not null references published.publication,
    recipient text not null,
    purpose text not null,
    sha256 text not null,
    released_at timestamptz not null default now()
);
comment on table published.release is 'Every extract that left the house: what, to whom, when, for what purpose.';

grant usage on schema raw, quality to lagebild_loader, lagebild_builder;
grant usage on schema published to lagebild_builder;
grant usage on schema marts to bi_reader, statistics_office, lagebild_builder;
grant usage on schema marts_internal to statistics_office, lagebild_builder;

grant select, insert, update on raw.delivery to lagebild_loader;
grant select, insert on raw.delivery_event, raw.rejected_row to lagebild_loader;
grant select on raw.build_input, raw.build, raw.warehouse to lagebild_loader;
grant insert, select on quality.verdict to lagebild_loader, lagebild_builder;

grant select on raw.delivery, raw.warehouse to lagebild_builder;
grant select, insert, update on raw.build to lagebild_builder;
grant select, insert on raw.build_input to lagebild_builder;
grant select, update on raw.build_token to lagebild_builder;
grant select, insert on published.publication, published.content, published.publication_mart to lagebild_builder;
grant select, insert on published.release to lagebild_builder;
grant select, update on published.current_publication to lagebild_builder;

-- For readers: which publication is in force, and what each mart in it was built from.
create view marts.publication as
select
    p.publication_id,
    p.published_at,
    p.code_version,
    p.publication_id = c.publication_id as is_current
from published.publication as p
cross join published.current_publication as c;
comment on view marts.publication is 'Every publication and which one is in force.';

create view marts.publication_source as
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
    d.received_at
from published.publication_mart as m
inner join published.publication as p on m.publication_id = p.publication_id
inner join raw.build_input as i on p.build_id = i.build_id and i.source = any(m.sources)
inner join raw.delivery as d on i.delivery_id = d.delivery_id;
comment on view marts.publication_source is
'For each mart of each publication the deliveries behind it: file, SHA-256, records, loaded and rejected rows.';

create view marts.publication_warning as
select
    p.publication_id,
    d.source || ' ' || d.period || ' (' || d.file_name || ')' as subject,
    v.expectation,
    v.why,
    v.observed,
    v.expected
from published.publication as p
inner join raw.build_input as i on p.build_id = i.build_id
inner join raw.delivery as d on i.delivery_id = d.delivery_id
inner join quality.verdict as v on i.delivery_id = v.delivery_id
where not v.passed and v.checked_at <= p.published_at
union
select p.publication_id, 'marts', v.expectation, v.why, v.observed, v.expected
from published.publication as p
inner join quality.verdict as v on p.build_id = v.build_id
where not v.passed and v.checked_at <= p.published_at;
comment on view marts.publication_warning is
'What expectations found wrong in the deliveries and marts of each publication and let pass, or a person let pass.';
grant select on marts.publication, marts.publication_source, marts.publication_warning to bi_reader, statistics_office, lagebild_builder;

-- The ledger of pulls: what was asked of which host, the job that it waits for, and what became of it.

create table raw.fetch (
    fetch_id bigint generated always as identity primary key,
    source text not null,
    entry text not null,
    key text not null,
    host text not null,
    state text not null check (
        state in ('asked', 'waiting', 'fetched', 'delivered', 'unchanged', 'absent', 'failed')
    ),
    job text,
    polls integer not null default 0,
    address_sha256 text,
    etag text,
    last_modified text,
    last_change text,
    file_name text,
    sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
    bytes bigint,
    delivery_id bigint references raw.delivery,
    reason text,
    code_version text not null,
    asked_at timestamptz not null default clock_timestamp(),
    polled_at timestamptz,
    fetched_at timestamptz,
    settled_at timestamptz,
    job_removed_at timestamptz,
    check (state <> 'waiting' or job is not null),
    check (state <> 'fetched' or (file_name is not null and sha256 is not null)),
    check (state <> 'delivered' or delivery_id is not null),
    check ((state in ('delivered', 'unchanged', 'absent', 'failed')) = (settled_at is not null))
);
comment on table raw.fetch is
'The ledger of pulls: one row an attempt to get one entry of the catalogue, or one year of it. No content is in it.';
comment on column raw.fetch.entry is 'Id of the entry in ingest/connectors/catalogue.yml.';
comment on column raw.fetch.key is 'The entry, and the year where it is asked a year at a time.';
comment on column raw.fetch.state is
'asked, waiting (for a job), fetched (the file lies in the state folder): open. delivered, unchanged, absent (the host has no such table or year), failed: settled.';
comment on column raw.fetch.job is
'Name of the job on the host; kept before anything else is done with it, so that a run that was killed resumes it.';
comment on column raw.fetch.polls is 'How often it was asked whether the job is ready.';
comment on column raw.fetch.address_sha256 is
'SHA-256 of the address: an ETag belongs to one. The address itself stays out, an operator''s may hold a token.';
comment on column raw.fetch.etag is 'ETag of the answer, sent with the next question.';
comment on column raw.fetch.last_modified is 'Last-Modified of the answer, as the host writes it; sent with the next question.';
comment on column raw.fetch.last_change is 'When the host last changed the table, as it says; equal means nothing new.';
comment on column raw.fetch.delivery_id is 'The delivery that the file became, or whose bytes it has.';
comment on column raw.fetch.reason is 'Why it was unchanged, absent or failed; what the host said, shortened.';
comment on column raw.fetch.job_removed_at is 'When the job''s result was removed on the host; null: not yet.';
-- An entry is under way once.
create unique index fetch_open on raw.fetch (source, key) where state in ('asked', 'waiting', 'fetched');
create index on raw.fetch (source, key, fetch_id);
grant select, insert, update on raw.fetch to lagebild_loader;

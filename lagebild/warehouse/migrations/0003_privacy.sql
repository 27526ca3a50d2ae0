-- Rotated keys, erased bytes and persons, and the code behind every transition of the ledger.

alter table raw.delivery
add column loaded_at timestamptz,
add column erased_at timestamptz,
add column erased_why text,
add column erased_loaded bigint not null default 0 check (erased_loaded >= 0),
add column erased_rejected bigint not null default 0 check (erased_rejected >= 0),
add constraint erased_with_a_reason check ((erased_at is null) = (erased_why is null));
comment on column raw.delivery.received_at is 'When the load began.';
comment on column raw.delivery.loaded_at is 'When the last row had been copied; the load took until then.';
comment on column raw.delivery.erased_at is
'When the landed bytes were given up; path and hash stay. Null while they lie in the landing zone.';
comment on column raw.delivery.erased_loaded is
'Rows removed from raw since loading, because a person was erased; loaded stays what was loaded.';
comment on column raw.delivery.erased_rejected is
'Rejected rows removed since loading, because a person was erased; rejected stays what was rejected.';

alter table raw.delivery_event add column code_version text;
comment on column raw.delivery_event.code_version is 'The code that made the transition; unknown before this column.';

create table raw.pseudonym_key (
    municipality text not null,
    purpose text not null,
    version integer not null check (version >= 1),
    rotated_at timestamptz not null default now(),
    rotated_by text not null,
    code_version text not null,
    primary key (municipality, purpose)
);
comment on table raw.pseudonym_key is
'How often the key of a municipality and purpose was rotated; no row: never. No key is ever in the database.';

create table raw.erasure (
    erasure_id bigint generated always as identity primary key,
    municipality text not null,
    purpose text not null,
    erased_at timestamptz not null default now(),
    erased_by text not null,
    code_version text not null,
    loaded_rows bigint not null,
    rejected_rows bigint not null,
    blanked_rows bigint not null,
    landed_files bigint not null
);
comment on table raw.erasure is 'That a person was erased, and how much of what; never who.';

create table raw.landing_deletion (
    landing_path text primary key,
    asked_at timestamptz not null default now()
);
comment on table raw.landing_deletion is
'Landed files to delete: written with the decision, emptied when the file is gone. The next run finishes what was cut off.';

grant select on raw.pseudonym_key to lagebild_loader;
grant select, insert, delete on raw.landing_deletion to lagebild_loader;

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
    d.erased_why
from published.publication_mart as m
inner join published.publication as p on m.publication_id = p.publication_id
inner join raw.build_input as i on p.build_id = i.build_id and i.source = any(m.sources)
inner join raw.delivery as d on i.delivery_id = d.delivery_id;

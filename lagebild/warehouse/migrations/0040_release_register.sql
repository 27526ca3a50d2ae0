-- Releases: which package went to whom, with which files, on which legal basis, and what became of it. Nothing in it is
-- ever changed or removed, by any role; what happens later is a row of its own.

create schema release;
revoke all on schema release from public;
grant usage on schema release to lagebild_builder;

alter table published.release set schema release;
alter table release.release rename to register;
alter table release.register
add column office text not null default '',
add column legal_basis text not null default '',
add column profile text not null default 'public' check (profile in ('public', 'statistics_unit')),
add column previous_release_id bigint references release.register,
add column key_id text,
add column inputs jsonb,
add constraint legal_basis_of_a_statistics_unit check (profile <> 'statistics_unit' or legal_basis ~ '(§|Art)');
comment on table release.register is
'Every package that left the house: what, to whom, when, for what purpose and on which legal basis. Append-only.';
comment on column release.register.recipient is 'Name of the recipient''s file.';
comment on column release.register.office is 'The office that received it; empty: from before recipients had files.';
comment on column release.register.legal_basis is 'Legal basis of the transmission, with its paragraph for a statistics unit.';
comment on column release.register.profile is 'Protection: public (what schema marts shows) or statistics_unit (separated unit).';
comment on column release.register.previous_release_id is 'The release to the same recipient that this one was compared with.';
comment on column release.register.key_id is 'The signing key; null: not signed.';
comment on column release.register.inputs is
'What the package was made from beside the publication: recipient, publisher, versions. It is made again from this.';
comment on column release.register.sha256 is 'SHA-256 of the package''s SHA256SUMS, which lists all its files.';

create table release.file (
    release_id bigint not null references release.register,
    name text not null,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    byte_size bigint not null check (byte_size >= 0),
    primary key (release_id, name)
);
comment on table release.file is
'The files of each release. Their bytes lie in the store of the extracts folder, once, by their SHA-256.';

create table release.event (
    event_id bigint generated always as identity primary key,
    release_id bigint not null references release.register,
    happened_at timestamptz not null default now(),
    kind text not null check (kind in ('delivered', 'delivery_failed', 'recalled')),
    detail text not null
);
comment on table release.event is 'What became of a release: where it was put, what went wrong, that it was recalled and why.';
create index on release.event (release_id);

create function release.refuse_change() returns trigger language plpgsql set search_path = '' as $$
begin
    raise exception 'the register of releases is append-only: % of %.% is refused', tg_op, tg_table_schema, tg_table_name
    using hint = 'what happened later is a row of release.event';
end
$$;
create trigger append_only before update or delete or truncate on release.register
for each statement execute function release.refuse_change();
create trigger append_only before update or delete or truncate on release.file
for each statement execute function release.refuse_change();
create trigger append_only before update or delete or truncate on release.event
for each statement execute function release.refuse_change();

revoke all on release.register from lagebild_builder;
grant select, insert on release.register, release.file, release.event to lagebild_builder;

-- For readers: whether a package that somebody shows them is one, and whether it still counts. Not who has it. Of
-- packages with exact counts nothing: who knows all of one but a count could try counts until the digest is right.
create view marts.release as
select
    r.release_id,
    r.publication_id,
    r.released_at,
    r.sha256,
    (
        select min(later.release_id)
        from release.register as later
        where later.recipient = r.recipient and later.profile = r.profile and later.release_id > r.release_id
    ) as superseded_by,
    e.happened_at as recalled_at,
    e.detail as recalled_why
from release.register as r
inner join published.publication as p on r.publication_id = p.publication_id
left join lateral (
    select
        w.happened_at,
        w.detail
    from release.event as w
    where w.release_id = r.release_id and w.kind = 'recalled'
    order by w.event_id
    limit 1
) as e on true
where p.is_protected and r.profile = 'public';
comment on view marts.release is 'Packages of public figures that were released, without who received them.';
comment on column marts.release.release_id is 'Number of the release.';
comment on column marts.release.publication_id is 'Publication that the package holds.';
comment on column marts.release.released_at is 'When it was released.';
comment on column marts.release.sha256 is 'SHA-256 of its SHA256SUMS; sha256sum SHA256SUMS prints it.';
comment on column marts.release.superseded_by is 'The next release to the same recipient; null: it is the latest.';
comment on column marts.release.recalled_at is 'When it was recalled; null: it stands.';
comment on column marts.release.recalled_why is 'Why it was recalled.';
grant select on marts.release to bi_reader, statistics_office, lagebild_builder;

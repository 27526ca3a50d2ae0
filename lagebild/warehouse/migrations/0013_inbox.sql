-- Files that people send: which file of which inbox is being written, taken, loaded, and what its receipt says.

create table raw.inbox_file (
    inbox_file_id bigint generated always as identity primary key,
    inbox text not null,
    path text not null,
    state text not null check (state in ('seen', 'claimed', 'done')),
    source text not null,
    version text not null,
    is_complete boolean not null default false,
    seen_at timestamptz not null default clock_timestamp(),
    claimed_at timestamptz check ((claimed_at is null) = (state = 'seen')),
    problem text,
    delivery_id bigint references raw.delivery,
    done_at timestamptz check ((done_at is null) = (state <> 'done')),
    told_event_id bigint,
    check (state <> 'done' or delivery_id is not null)
);
create unique index on raw.inbox_file (inbox, path) where state = 'seen';
create unique index on raw.inbox_file (inbox, path) where state = 'claimed';
create index on raw.inbox_file (delivery_id);
comment on table raw.inbox_file is
'Files that people send, by inbox. Only names that a contract knows, or that lie in a source''s folder: the name of an '
'unknown file may be a person''s, and stays in its inbox.';
comment on column raw.inbox_file.inbox is 'drop for the drop folder, else the URL of the store, without credentials.';
comment on column raw.inbox_file.path is 'Where the file was put, below the inbox.';
comment on column raw.inbox_file.state is
'seen: it lies there and may still be written; claimed: it was taken, in taken/<inbox_file_id>/ where the store can '
'rename; done: the ledger knows its delivery.';
comment on column raw.inbox_file.version is 'What changes with the bytes: size and time of change, or the ETag.';
comment on column raw.inbox_file.is_complete is 'Whether this version was found complete; else it is not read yet.';
comment on column raw.inbox_file.seen_at is 'Since when this version lies there, as seen from here.';
comment on column raw.inbox_file.problem is 'Why a claimed file could not be loaded yet.';
comment on column raw.inbox_file.told_event_id is
'The last transition of the delivery (raw.delivery_event) that its receipt tells of; null: the receipt is due.';

grant select, insert, update, delete on raw.inbox_file to lagebild_loader;

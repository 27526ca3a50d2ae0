-- Rollbacks: the pointer moves to a former publication; who moved it, why, when and by which code is kept.

create table published.rollback (
    rollback_id bigint generated always as identity primary key,
    from_publication bigint not null references published.publication,
    to_publication bigint not null references published.publication,
    rolled_back_at timestamptz not null default clock_timestamp(),
    rolled_back_by text not null,
    reason text not null check (reason ~ '\S'),
    code_version text not null,
    check (from_publication <> to_publication)
);
comment on table published.rollback is
'Every move of the pointer by hand: from the publication in force to another one. Written once, never changed.';
grant select, insert on published.rollback to lagebild_builder;

-- For readers: why a figure that was there yesterday is another one today. Who did it stays in the house.
create view marts.publication_rollback as
select rollback_id, from_publication, to_publication, rolled_back_at, reason
from published.rollback;
comment on view marts.publication_rollback is
'Rollbacks: which publication was taken out of force, which one was put in its place, when and why.';
grant select on marts.publication_rollback to bi_reader, statistics_office, lagebild_builder;

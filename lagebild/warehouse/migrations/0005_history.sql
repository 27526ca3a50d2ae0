-- Sources with a history: each delivery is the whole stock of a day, and raw keeps the changes.

create table raw.snapshot (
    delivery_id bigint primary key references raw.delivery,
    source text not null,
    series text not null,
    taken_on date not null,
    base_id bigint references raw.snapshot check (base_id <> delivery_id)
);
create index on raw.snapshot (source, series, taken_on);
comment on table raw.snapshot is
'A delivery of a source with a history: of which series (such as a municipality) and day, and the stored snapshot that '
'its rows and ends are changes to. Written once, whatever becomes of the delivery.';
comment on column raw.snapshot.base_id is 'Null: raw holds every row of it.';

create view raw.snapshot_part as
with recursive part as (
    select delivery_id, delivery_id as part_id from raw.snapshot
    union all
    select part.delivery_id, snapshot.base_id
    from part
    inner join raw.snapshot on part.part_id = snapshot.delivery_id
    where snapshot.base_id is not null
)
select delivery_id, part_id from part;
comment on view raw.snapshot_part is
'The deliveries whose rows and ends make up the snapshot of a delivery: itself, its base, and so on.';

grant select, insert on raw.snapshot to lagebild_loader;
grant select on raw.snapshot_part to lagebild_loader;

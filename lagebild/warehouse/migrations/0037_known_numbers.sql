-- Numbers that the planner has to know: else it reads or hashes all persons of a state once for each of thousands of
-- deliveries, or in the wrong order.

-- A build's inputs have a number that no statistics know yet, so that it expects one delivery. Whoever fixes inputs has
-- them counted; only the owner may analyze a table.
create function raw.count_build_input() returns void language plpgsql security definer set search_path = '' as $$
begin
    analyze raw.build_input;
end
$$;
comment on function raw.count_build_input is
'Statistics of raw.build_input, for the planner of a build that has just fixed its inputs.';
revoke all on function raw.count_build_input() from public;
grant execute on function raw.count_build_input() to lagebild_builder;

-- Which deliveries make up a snapshot was a recursion over all of them, in each query, of which nothing is known before.
create table raw.snapshot_chain (
    delivery_id bigint not null,
    part_id bigint not null,
    primary key (delivery_id, part_id)
);
create index on raw.snapshot_chain (part_id);
comment on table raw.snapshot_chain is
'The deliveries whose rows and ends make up the snapshot of a delivery: itself, its base, and so on. Kept by raw.snapshot.';
insert into raw.snapshot_chain (delivery_id, part_id) select delivery_id, part_id from raw.snapshot_part;

create or replace view raw.snapshot_part as select delivery_id, part_id from raw.snapshot_chain;

create function raw.keep_snapshot_chain() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    if tg_op = 'TRUNCATE' then
        truncate raw.snapshot_chain;
        return null;
    end if;
    if tg_op = 'INSERT' then
        insert into raw.snapshot_chain (delivery_id, part_id) values (new.delivery_id, new.delivery_id);
    elsif exists (
        select 1 from raw.snapshot_chain as c where c.part_id = new.delivery_id and c.delivery_id <> new.delivery_id
    ) then
        raise exception 'snapshot % is a part of others: its base cannot change', new.delivery_id;
    else
        delete from raw.snapshot_chain as c where c.delivery_id = new.delivery_id and c.part_id <> new.delivery_id;
    end if;
    insert into raw.snapshot_chain (delivery_id, part_id)
    select new.delivery_id, c.part_id from raw.snapshot_chain as c where c.delivery_id = new.base_id;
    return null;
end
$$;
comment on function raw.keep_snapshot_chain is 'Keeps raw.snapshot_chain what the bases in raw.snapshot say.';
create trigger keep_snapshot_chain after insert or update of base_id on raw.snapshot
for each row execute function raw.keep_snapshot_chain();
create trigger empty_snapshot_chain after truncate on raw.snapshot
for each statement execute function raw.keep_snapshot_chain();

-- Raw tables without a key for each row: checking a reference to the ledger and keeping an index for every row cost
-- more than the rows themselves. The loader numbers a file's lines upwards and writes the ledger's row in the same
-- transaction; deliveries lie in one piece, so that a block range index finds them.
do $$
declare
    found record;
begin
    for found in
        select c.conrelid::regclass as relation, c.conname
        from pg_constraint as c
        inner join pg_class as t on c.conrelid = t.oid
        where t.relnamespace = 'raw'::regnamespace and t.relname like '%\_\_%' and c.contype in ('p', 'f')
    loop
        execute format('alter table %s drop constraint %I', found.relation, found.conname);
    end loop;
    for found in
        select t.relname from pg_class as t
        where t.relnamespace = 'raw'::regnamespace and t.relname like '%\_\_%' and t.relkind = 'r'
    loop
        execute format(
            'create index if not exists %I on raw.%I using brin (delivery_id, line_number)',
            found.relname || '_by_delivery', found.relname
        );
    end loop;
end
$$;

-- The loader may not delete. Which rows repeat a key is known only at the end of a file: until its transaction ends,
-- and no later, the loader may take such rows back.
create function raw.take_back(source_table text, delivery bigint, lines bigint[])
returns table (line bigint, fields jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (
        select 1 from raw.delivery as d where d.delivery_id = delivery and d.xmin = pg_current_xact_id()::xid
    ) then
        raise exception 'delivery % is not being loaded in this transaction', delivery using errcode = 'LB002';
    end if;
    return query execute format(
        'delete from raw.%I as r where r.delivery_id = $1 and r.line_number = any($2)'
        ' returning r.line_number, to_jsonb(r)', source_table
    ) using delivery, lines;
end
$$;
comment on function raw.take_back(text, bigint, bigint[]) is
'Deletes rows of the delivery that this very transaction loads, and returns them.';
revoke all on function raw.take_back(text, bigint, bigint[]) from public;
grant execute on function raw.take_back(text, bigint, bigint[]) to lagebild_loader;

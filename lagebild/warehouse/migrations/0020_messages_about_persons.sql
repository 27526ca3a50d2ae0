-- What readers are told of deliveries about persons: no share, no bound, and counts of rows by their class.

-- Below 3 nothing, else the nearest multiple of 5; `ingest/counts.py` does the same for messages.
create function quality.told_rows(number bigint, is_about_persons boolean) returns bigint immutable language sql
return case when not is_about_persons then number when number >= 3 then (number + 2) / 5 * 5 end;
comment on function quality.told_rows is
'A count of rows as readers see it: of a source about persons null below 3, else rounded to 5.';

-- Verdicts that were written before carry figures; those written since say "lower than usual" and "about 20 rows".
create or replace function quality.shown(said text, is_about_persons boolean) returns text immutable language sql as $$
    select case
        when is_about_persons then regexp_replace(
            regexp_replace(
                regexp_replace(said, '(-?[0-9.]+|no value), usual -?[0-9.]+ to -?[0-9.]+', 'other than usual', 'g'),
                '(?<!about |than )\m[0-9]+ (of [0-9]+ )?(rejected )?(row|finding)s?\M', 'some \2\3s', 'g'
            ),
            '^[0-9]+$', 'not shown'
        )
        else said
    end
$$;
update quality.verdict as v
set expected = 'as many rows as the ledger counts'
from raw.delivery as d
inner join raw.source as s on d.source = s.source
where v.delivery_id = d.delivery_id and s.is_about_persons and v.expectation = 'rows_as_in_the_ledger';

-- The view as it is by now, whatever it filters: only what it shows of rows, and of persons who were erased, is another.
do $$
declare
    said text := pg_get_viewdef('marts.publication_source'::regclass);
    persons constant text :=
        'coalesce((select k.is_about_persons from raw.source as k where k.source = d.source), true)';
    shown text;
begin
    said := regexp_replace(said, '\n +FROM ', format(E',\n %s as has_rounded_rows\n FROM ', persons));
    foreach shown in array array['records', 'loaded', 'rejected', 'erased_at', 'erased_why'] loop
        if regexp_count(said, format('\md\.%s,', shown)) <> 1 then
            raise exception 'marts.publication_source does not show %', shown;
        end if;
        said := regexp_replace(said, format('\md\.%s,', shown), format(
            case when shown like 'erased%%' then
                'case when d.erased_why <> ''a person was erased'' then d.%1$s end as %1$s,'
                else 'quality.told_rows(d.%1$s, %2$s) as %1$s,' end,
            shown, persons
        ));
    end loop;
    execute 'create or replace view marts.publication_source as ' || said;
end
$$;
comment on view marts.publication_source is
'For each mart of each publication the deliveries behind it: file, SHA-256, records, loaded and rejected rows, of a source about persons rounded to 5.';
comment on column marts.publication_source.has_rounded_rows is
'Whether the source is about persons: its counts of rows are rounded to 5, and null below 3.';
comment on column marts.publication_source.erased_at is
'When the landed bytes were deleted because their time was over; null also where a person was erased from them.';

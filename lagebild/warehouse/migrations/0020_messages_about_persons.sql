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

create or replace view marts.publication_source as
select
    publication_id,
    mart,
    model_version,
    source,
    period,
    delivery_id,
    file_name,
    sha256,
    case when not is_list_of_grants then quality.told_rows(records, is_about_persons) end as records,
    case when not is_list_of_grants then quality.told_rows(loaded, is_about_persons) end as loaded,
    case when not is_list_of_grants then quality.told_rows(rejected, is_about_persons) end as rejected,
    received_at,
    -- dates of some files of persons only would tell of the others that a person was erased from them
    case when not is_about_persons then erased_at end as erased_at,
    case when not is_about_persons then erased_why end as erased_why,
    layout,
    age_days,
    held_delivery_id,
    is_about_persons as has_rounded_rows
from marts_internal.publication_source
where is_for_readers;
comment on view marts.publication_source is
'For each mart of each publication the deliveries behind it: file, SHA-256, records, loaded and rejected rows, of a source about persons rounded to 5, of a list of grants not shown.';
comment on column marts.publication_source.has_rounded_rows is
'Whether the source is about persons: its counts of rows are rounded to 5, and null below 3.';
comment on column marts.publication_source.erased_at is
'When the landed bytes were deleted because their time was over; of a source about persons not shown.';

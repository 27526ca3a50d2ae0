-- grain: one row per table of the Landesdatenbank NRW, line and measure (a column of the table, seed ldb_measure).
-- Whatever the table, one shape: a table more is its contract, its rows of the seed and its name in this list.
{%- set tables = ['ldb_12411_15i', 'ldb_13111_54i', 'ldb_22542_06i', 'ldb_22811_01i', 'ldb_22811_05i'] %}
with

measures as (

    select * from {{ ref('ldb_measure') }}

),

delivered as (
    {% for table in tables %}
        select
            '{{ table }}' as source,
            evidence,
            line_number,
            source_sha256,
            source_file_name,
            source_period,
            period_order,
            to_jsonb(line) as cells
        from {{ delivered(table, 'value') }} as line
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

timed as (

    select
        delivered.*,
        cast(cells ->> 'reference_date' as date) as reference_date,
        -- a table may name its year in the head alone, which is then that of the file's name
        coalesce(
            cast(cells ->> 'reference_year' as integer),
            cast(left(coalesce(cells ->> 'reference_date', source_period), 4) as integer)
        ) as reference_year,
        cells ->> 'region_code' as source_region_code,
        trim(cells ->> 'region_name') as region_name,
        coalesce(cells ->> 'class_code', '') as class_code,
        trim(cells ->> 'class_name') as class_name
    from delivered

),

latest as (

    select *
    from {{ latest_period('timed', ['source', 'reference_year', 'source_region_code', 'region_name', 'class_name']) }}

),

final as (

    select
        latest.source,
        measures.table_code,
        latest.reference_date,
        latest.reference_year,
        coalesce({{ region_key('latest.source_region_code', 'latest.region_name') }}, named_places.region_code)
            as region_code,
        coalesce(latest.source_region_code, latest.region_name) as source_region_code,
        latest.region_name,
        latest.class_code,
        latest.class_name,
        measures.measure,
        cast(latest.cells ->> measures.field as numeric) as value,
        latest.cells ->> (measures.field || '_sign') as value_sign,
        measures.unit,
        case when latest.reference_year >= measures.rounded_since then measures.rounded_to end as rounded_to,
        case when latest.reference_year >= measures.rounded_since then measures.rounded_terms end as rounded_terms,
        latest.evidence,
        latest.line_number,
        latest.source_sha256,
        latest.source_file_name
    from latest
    inner join measures
        on latest.source = measures.source
    left join {{ districts_as_printed() }} as named_places
        on latest.source_region_code is null
            and regexp_replace(latest.region_name, ' \(einschl\..*\)$', '') = named_places.printed_name

)

select * from final

-- grain: one row per row of funding_cliff and node of the tree of its last year.
with

cliffs as (

    select * from {{ ref('funding_cliff') }}

),

programme_measures as (

    select * from {{ ref('stg_programme_measure__measure') }}

),

cliff_rows as (

    select
        'funding_cliff' as mart,
        {{ row_key(['cliffs.measure_id', 'cliffs.receiving_programme_id', 'cliffs.module_number', 'cliffs.stated_by']) }} as row_key,
        'last_year' as figure,
        cliffs.region_code,
        cliffs.last_year as reference_year,
        cast(null as text) as method,
        cliffs.last_year,
        cliffs.reason,
        cliffs.evidence,
        'programme_measure' as source,
        programme_measures.source_sha256,
        programme_measures.line_number
    from cliffs
    inner join programme_measures
        on cliffs.measure_id = programme_measures.measure_id

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'read'", "'last_year'", 'last_year', evidence='evidence', reason='reason') }}
    from cliff_rows

    union all

    select
        {{ row_leaf("'1.1'", "'last_year'", 'last_year') }}
    from cliff_rows

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per row of population_reconciliation, figure (count, difference) and node of its tree.
with

reconciliations as (

    select * from {{ ref('population_reconciliation') }}

),

trees as (

    select
        'population_reconciliation' as mart,
        {{ row_key(['region_code', 'reference_date', 'nationality']) }} as row_key,
        cast(extract(year from reference_date) as integer) as reference_year,
        cast(null as text) as method,
        {{ row_key(['region_code', 'region_code', 'reference_date', 'nationality', "'all'", "'register'", "''"]) }}
            as register_key,
        {{ row_key([
            'region_code', 'azr_source_region_code', 'reference_date', 'nationality', "'all'", 'azr_source',
            'azr_table_code',
        ]) }} as azr_key,
        reconciliations.*
    from reconciliations

),

uses as (

    select
        {{ reconciled_use(
            'compared_persons',
            "case when compared_count = 'published' then published_evidence else register_evidence end",
            "compared_count = 'published'", 'published_document', 'register_key',
        ) }}
    from trees

    union all

    select
        {{ reconciled_use('azr_persons', 'azr_evidence', "azr_source = 'published'", 'azr_document', 'azr_key') }}
    from trees

),

counted as (

    select * from uses
    where persons is not null

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'read'", 'figure', 'persons', evidence='evidence') }}
    from counted

    union all

    select
        {{ node("'1.1'", "'parameter'", "'given'", 'figure', 'persons', evidence='evidence', detail_de='citation',
            detail_en='citation') }}
    from counted
    where is_printed

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", "'persons'", 'persons', evidence='evidence',
            refers_to_mart="'foreign_population'", refers_to_row_key='counted_key', refers_to_figure="'persons'",
            refers_to_path="'1'") }}
    from counted
    where not is_printed

    union all

    {{ computed_nodes('population_reconciliation', 'trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per row of lump_sum_simulation, figure and node of its tree: an assumed rate times all EU2 persons.
with

lump_sums as (

    select * from {{ ref('lump_sum_simulation') }}

),

counted_rows as (

    select * from {{ ref('int_provenance__counted_row') }}

),

lump_sum_trees as (

    select
        'lump_sum_simulation' as mart,
        {{ row_key(['municipality_ags', 'reference_year', 'method', 'lump_sum']) }} as row_key,
        'lump_sum_eur' as figure,
        municipality_ags as region_code,
        lump_sums.*
    from lump_sums

),

counted_uses as (

    select
        {{ counted_use('1.2', 'population_persons', 'population_persons', 'population_evidence', 'population_source') }}
    from lump_sum_trees

),

counted as (

    {{ counted_parts('counted_uses', 'counted_rows') }}

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'product'", "'lump_sum_eur'", 'lump_sum_eur', evidence='evidence', reason='reason',
            detail_de='lump_sum', detail_en='lump_sum') }}
    from lump_sum_trees

    union all

    select
        {{ node("'1.1'", "'parameter'", "'given'", "'rate_eur'", 'rate_eur', detail_de='demanded_by',
            detail_en='demanded_by') }}
    from lump_sum_trees

    union all

    {{ counted_nodes('counted') }}

    union all

    {{ computed_nodes('lump_sum_simulation', 'lump_sum_trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per row of migration_background, figure that is computed from two others and node of its tree (meta.trees of the mart).
with

figures as (

    select * from {{ ref('migration_background') }}

),

trees as (

    select
        'migration_background' as mart,
        {{ row_key(['region_code', 'reference_year', 'sense', 'population_group']) }} as row_key,
        cast(null as text) as method,
        figures.*
    from figures

),

nodes as (

    {{ computed_nodes('migration_background', 'trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

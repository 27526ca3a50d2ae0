-- grain: one row per row of programme_reach, figure that is computed from two others and node of its tree (meta.trees of the mart).
with

reaches as (

    select * from {{ ref('programme_reach') }}

),

trees as (

    select
        'programme_reach' as mart,
        {{ row_key(['programme_id', 'region_code', 'period_printed']) }} as row_key,
        cast(null as integer) as reference_year,
        cast(null as text) as method,
        reaches.*
    from reaches

),

nodes as (

    {{ computed_nodes('programme_reach', 'trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

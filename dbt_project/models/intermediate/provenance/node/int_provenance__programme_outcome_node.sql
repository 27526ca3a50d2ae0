-- grain: one row per row of programme_outcome, figure that is computed from two others and node of its tree (meta.trees of the mart).
with

outcomes as (

    select * from {{ ref('programme_outcome') }}

),

trees as (

    select
        'programme_outcome' as mart,
        {{ row_key(['programme_id', 'region_code', 'period_printed']) }} as row_key,
        cast(null as integer) as reference_year,
        cast(null as text) as method,
        outcomes.*
    from outcomes

),

nodes as (

    {{ computed_nodes('programme_outcome', 'trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per row of municipal_profile, figure that is computed from two others and node of its tree (meta.trees of the mart).
with

profiles as (

    select * from {{ ref('municipal_profile') }}

),

trees as (

    select
        'municipal_profile' as mart,
        {{ row_key(['region_code', 'reference_year']) }} as row_key,
        cast(null as text) as method,
        profiles.*
    from profiles

),

nodes as (

    {{ computed_nodes('municipal_profile', 'trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

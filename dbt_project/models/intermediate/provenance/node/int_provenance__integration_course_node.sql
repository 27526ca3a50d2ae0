-- grain: one row per row of integration_course, figure that is computed from two others and node of its tree (meta.trees of the mart).
with

courses as (

    select * from {{ ref('integration_course') }}

),

trees as (

    select
        'integration_course' as mart,
        {{ row_key(['region_code', 'stated_year', 'reference_month']) }} as row_key,
        stated_year as reference_year,
        cast(null as text) as method,
        courses.*
    from courses

),

nodes as (

    {{ computed_nodes('integration_course', 'trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

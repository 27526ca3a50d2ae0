-- grain: one row per row of employment, figure with a tree and node of that tree (meta.trees of the mart).
with

counts as (

    select * from {{ ref('employment') }}

),

keyed as (

    select
        'employment' as mart,
        {{ row_key([
            'source', 'table_code', 'source_region_code', 'reference_date', 'place_basis', 'nationality', 'sex',
        ]) }} as row_key,
        cast(null as text) as method,
        counts.*
    from counts

),

{{ read_of_labour('keyed', ['persons']) }},

trees as (

    select
        mart,
        row_key,
        region_code,
        reference_year,
        method,
        rate_evidence as evidence,
        source,
        table_code,
        source_region_code,
        reference_date,
        place_basis,
        sex,
        persons,
        total_persons,
        inhabitants_persons,
        share_of_employees_pct,
        share_reason,
        per_100_inhabitants,
        rate_reason
    from keyed

),

nodes as (

    {{ line_nodes('read_values') }}

    union all

    {{ group_inhabitants_nodes('keyed') }}

    union all

    {{ computed_nodes('employment', 'trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

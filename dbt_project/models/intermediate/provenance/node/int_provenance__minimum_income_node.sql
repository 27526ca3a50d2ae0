-- grain: one row per row of minimum_income, figure with a tree and node of that tree (meta.trees of the mart).
with

counts as (

    select * from {{ ref('minimum_income') }}

),

keyed as (

    select
        'minimum_income' as mart,
        {{ row_key([
            'source', 'table_code', 'source_region_code', 'reference_date', 'benefit', 'nationality', 'sex',
        ]) }} as row_key,
        cast(null as text) as method,
        counts.*
    from counts

),

{{ read_of_labour('keyed', ['persons', 'published_rate_pct']) }},

trees as (

    select
        mart,
        row_key,
        region_code,
        reference_year,
        method,
        rate_evidence as evidence,
        persons,
        inhabitants_persons,
        per_100_inhabitants,
        rate_reason
    from keyed

),

nodes as (

    {{ line_nodes('read_values') }}

    union all

    {{ group_inhabitants_nodes('keyed') }}

    union all

    {{ computed_nodes('minimum_income', 'trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

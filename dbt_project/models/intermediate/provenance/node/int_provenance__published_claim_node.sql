-- grain: one row per published claim that is compared and node of the tree of what it is compared with.
with

claims as (

    select * from {{ ref('published_claim') }}

),

claim_trees as (

    select
        'published_claim' as mart,
        claims.figure_id as row_key,
        'compared_value' as figure,
        claims.region_code,
        claims.reference_year,
        cast(null as text) as method,
        claims.compared_value,
        claims.evidence
    from claims
    where claims.compared_value is not null

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'read'", "'compared_value'", 'compared_value', evidence='evidence') }}
    from claim_trees

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", "'compared_value'", 'compared_value', evidence='evidence',
            refers_to_mart="'eu2_population'",
            refers_to_row_key="concat_ws('|', region_code, make_date(reference_year, 12, 31), 'eu2_series')",
            refers_to_figure="'change_persons'", refers_to_path="'1'") }}
    from claim_trees

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

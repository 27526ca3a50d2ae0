-- grain: one row per published claim that is compared and node of the tree of what it is compared with.
with

claims as (

    select * from {{ ref('published_claim') }}

),

operands as (

    select * from {{ ref('int_programme__claim_operand') }}

),

claim_trees as (

    select
        'published_claim' as mart,
        claims.figure_id as row_key,
        'compared_value' as figure,
        claims.region_code,
        claims.reference_year,
        cast(null as text) as method,
        claims.compared_method,
        claims.compared_with,
        claims.compared_value,
        claims.evidence,
        case
            when claims.unit = 'percent' then 'compared_pct'
            when claims.unit like 'EUR%' then 'compared_eur'
            when claims.unit like 'persons%' then 'compared_value'
            else 'compared_count'
        end as label
    from claims
    where claims.compared_value is not null

),

operand_trees as (

    select
        claim_trees.*,
        operands.operand_number,
        operands.value as operand,
        operands.indicator || ' (' || operands.source_document || ')' as detail,
        -- a growth is the difference in per cent of its second figure
        case
            when claim_trees.compared_with <> 'printed_growth_pct' then '1.' || operands.operand_number
            else '1.1.' || operands.operand_number
        end as path
    from claim_trees
    inner join operands
        on claim_trees.row_key = operands.figure_id

),

growths as (

    select
        claim_trees.*,
        former.value as former_value,
        latter.value - former.value as growth,
        former.indicator || ' (' || former.source_document || ')' as detail
    from claim_trees
    inner join operands as latter
        on claim_trees.row_key = latter.figure_id and latter.operand_number = 1
    inner join operands as former
        on claim_trees.row_key = former.figure_id and former.operand_number = 2
    where claim_trees.compared_with = 'printed_growth_pct'

),

nodes as (

    select
        {{ node("'1'", "'figure'", "case compared_with when 'printed_sum' then 'sum' when 'printed_difference' then
            'difference' when 'printed_product' then 'product' when 'printed_percentage' then 'percentage'
            when 'printed_growth_pct' then 'percentage' else 'read' end", 'label',
            "case when compared_with in ('printed_percentage', 'printed_growth_pct') then round(compared_value, 2)
            else compared_value end",
            digits="case when compared_with in ('printed_percentage', 'printed_growth_pct') then 2 end",
            evidence='evidence') }}
    from claim_trees

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", 'label', 'compared_value', evidence='evidence',
            refers_to_mart="'eu2_population'",
            refers_to_row_key="concat_ws('|', region_code, make_date(reference_year, 12, 31), 'eu2_series')",
            refers_to_figure="'change_persons'", refers_to_path="'1'") }}
    from claim_trees
    where compared_with = 'eu2_population_change'

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", 'label', 'compared_value', evidence='evidence',
            refers_to_mart="'cost_per_person'",
            refers_to_row_key="concat_ws('|', region_code, reference_year, compared_method)",
            refers_to_figure="'cost_per_person_rounded_eur'", refers_to_path="'1.1.1'") }}
    from claim_trees
    where compared_with = 'cost_total'

    union all

    select
        {{ node("'1.1'", "'parameter'", "'given'", 'label', 'compared_value') }}
    from claim_trees
    where compared_with = 'district_count'

    union all

    select
        {{ node('path', "'parameter'", "'given'", "'claim_operand'", 'operand', detail_de='detail',
            detail_en='detail') }}
    from operand_trees

    union all

    select
        {{ node("'1.1'", "'component'", "'difference'", 'label', 'growth', evidence='evidence') }}
    from growths

    union all

    select
        {{ node("'1.2'", "'parameter'", "'given'", "'claim_operand'", 'former_value', detail_de='detail',
            detail_en='detail') }}
    from growths

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per printed funding figure. Amounts are never summed: some are parts of others.
with

programmes as (

    select * from {{ ref('stg_funding__programme') }}

),

final as (

    select
        figure_id,
        programme,
        funding_level,
        region_code,
        period_printed,
        amount_printed,
        amount_eur,
        amount_qualifier,
        amount_per,
        part_of,
        source_document,
        remark,
        evidence
    from programmes

)

select * from final

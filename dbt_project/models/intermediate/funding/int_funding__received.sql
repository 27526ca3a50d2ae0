-- grain: one row per region, accrual year and level that pays (EU, Bund, Land, own; third_party in all) of which money was reported.
with

receipts as (

    select * from {{ ref('stg_funding_received__receipt') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

received_by_payer as (

    select
        receipts.region_code,
        receipts.accrual_year,
        receipts.funding_level,
        bool_or(receipts.amount_eur is null) as has_unknown,
        sum(receipts.amount_eur) as amount_eur,
        coalesce(sum(receipts.amount_eur) filter (where receipts.is_time_limited), 0) as time_limited_eur,
        coalesce(sum(receipts.amount_eur) filter (where not receipts.is_time_limited), 0) as lasting_eur,
        {{ common_basis('receipts.cost_basis') }} as received_basis,
        string_agg(receipts.amount_printed, '; ' order by receipts.receipt_id) as received_printed,
        max(evidence_classes.evidence_class_rank) as evidence_rank
    from receipts
    left join evidence_classes
        on receipts.evidence = evidence_classes.evidence_class
    group by receipts.region_code, receipts.accrual_year, receipts.funding_level

),

united as (

    select
        region_code,
        accrual_year,
        funding_level,
        has_unknown,
        amount_eur,
        time_limited_eur,
        lasting_eur,
        received_basis,
        received_printed,
        evidence_rank
    from received_by_payer

    union all

    -- all that others pay: known only where each of the three is
    select
        region_code,
        accrual_year,
        'third_party' as funding_level,
        bool_or(has_unknown) or count(*) < 3 as has_unknown,
        sum(amount_eur) as amount_eur,
        sum(time_limited_eur) as time_limited_eur,
        sum(lasting_eur) as lasting_eur,
        {{ common_basis('received_basis') }} as received_basis,
        null as received_printed,
        max(evidence_rank) as evidence_rank
    from received_by_payer
    where funding_level in ('EU', 'Bund', 'Land')
    group by region_code, accrual_year

),

final as (

    select
        region_code,
        accrual_year,
        funding_level,
        has_unknown,
        amount_eur,
        time_limited_eur,
        lasting_eur,
        received_basis,
        received_printed,
        evidence_rank
    from united

)

select * from final

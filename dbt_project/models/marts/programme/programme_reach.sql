-- grain: one row per programme, region and printed period of which participants, a target group or a share reached is known.
-- There is a reach only where both were delivered for the same programme, region and period; nothing stands in for either.
with

delivered_values as (

    select *
    from {{ ref('stg_programme_result__value') }}
    where indicator in ('participants', 'target_group', 'districts_reached_pct')

),

precisions as (

    select * from {{ ref('print_precision') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

with_ends as (

    select
        delivered_values.*,
        {{ lower_end('delivered_values.value', 'precisions') }} as low,
        {{ upper_end('delivered_values.value', 'precisions') }} as high,
        evidence_classes.evidence_class_rank
    from delivered_values
    left join precisions
        on delivered_values.qualifier = precisions.qualifier
    left join evidence_classes
        on delivered_values.evidence = evidence_classes.evidence_class

),

pivoted as (

    select
        programme_id,
        region_code,
        period_printed,
        max(programme) as programme,
        max(funding_level) as funding_level,
        max(value) filter (where indicator = 'participants') as participants_persons,
        max(low) filter (where indicator = 'participants') as participants_low_persons,
        max(high) filter (where indicator = 'participants') as participants_high_persons,
        max(value) filter (where indicator = 'target_group') as target_group_persons,
        max(low) filter (where indicator = 'target_group') as target_group_low_persons,
        max(high) filter (where indicator = 'target_group') as target_group_high_persons,
        max(value) filter (where indicator = 'districts_reached_pct') as districts_reached_pct,
        max(low) filter (where indicator = 'districts_reached_pct') as districts_reached_low_pct,
        max(high) filter (where indicator = 'districts_reached_pct') as districts_reached_high_pct,
        string_agg(indicator || ': ' || value_printed, '; ' order by indicator) as value_printed,
        string_agg(distinct source_document, '; ' order by source_document) as source_document,
        string_agg(distinct remark, ' ' order by remark) as remark,
        max(evidence_class_rank) as evidence_rank
    from with_ends
    group by programme_id, region_code, period_printed

),

final as (

    select
        pivoted.programme_id,
        pivoted.region_code,
        pivoted.period_printed,
        pivoted.programme,
        pivoted.funding_level,
        coalesce(regions.region_name, pivoted.region_code) as region_name,
        {{ region_level('pivoted.region_code') }} as region_level,
        pivoted.participants_persons,
        pivoted.participants_low_persons,
        pivoted.participants_high_persons,
        pivoted.target_group_persons,
        pivoted.target_group_low_persons,
        pivoted.target_group_high_persons,
        round(100 * pivoted.participants_persons / nullif(pivoted.target_group_persons, 0), 2) as reach_pct,
        round(100 * pivoted.participants_low_persons / nullif(pivoted.target_group_high_persons, 0), 2) as reach_low_pct,
        round(100 * pivoted.participants_high_persons / nullif(pivoted.target_group_low_persons, 0), 2)
            as reach_high_pct,
        case
            when pivoted.participants_persons is null and pivoted.target_group_persons is null
                then 'participants_and_target_group_not_delivered'
            when pivoted.participants_persons is null then 'participants_not_delivered'
            when pivoted.target_group_persons is null then 'target_group_not_delivered'
            when pivoted.target_group_persons = 0 then 'target_group_is_zero'
        end as reason,
        pivoted.districts_reached_pct,
        pivoted.districts_reached_low_pct,
        pivoted.districts_reached_high_pct,
        pivoted.value_printed,
        pivoted.source_document,
        pivoted.remark,
        case
            when pivoted.participants_persons / nullif(pivoted.target_group_persons, 0) is null
                then {{ evidence_of_rank('pivoted.evidence_rank') }}
            else {{ weakest_evidence(["'derived'", evidence_of_rank('pivoted.evidence_rank')]) }}
        end as evidence
    from pivoted
    left join regions
        on pivoted.region_code = regions.region_code

)

select * from final

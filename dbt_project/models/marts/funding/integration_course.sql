-- grain: one row per region, year and month for which anything on integration courses was delivered.
-- Money is divided by the courses of the same region, year and month only: the country's rate is no state's.
with

delivered_values as (

    select * from {{ ref('stg_integration_course__value') }}

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
        {{ lower_end('delivered_values.value', 'precisions', 'wide') }} as wide_low,
        {{ upper_end('delivered_values.value', 'precisions', 'wide') }} as wide_high,
        evidence_classes.evidence_class_rank
    from delivered_values
    left join precisions
        on delivered_values.qualifier = precisions.qualifier
    left join evidence_classes
        on delivered_values.evidence = evidence_classes.evidence_class

),

pivoted as (

    select
        region_code,
        stated_year,
        reference_month,
        max(value) filter (where indicator = 'courses') as courses,
        max(low) filter (where indicator = 'courses') as courses_low,
        max(high) filter (where indicator = 'courses') as courses_high,
        max(wide_low) filter (where indicator = 'courses') as courses_wide_low,
        max(wide_high) filter (where indicator = 'courses') as courses_wide_high,
        max(value) filter (where indicator = 'participants') as participants_persons,
        max(low) filter (where indicator = 'participants') as participants_low_persons,
        max(high) filter (where indicator = 'participants') as participants_high_persons,
        max(value) filter (where indicator = 'federal_money_eur') as federal_money_eur,
        max(low) filter (where indicator = 'federal_money_eur') as federal_money_low_eur,
        max(high) filter (where indicator = 'federal_money_eur') as federal_money_high_eur,
        max(wide_low) filter (where indicator = 'federal_money_eur') as federal_money_wide_low_eur,
        max(wide_high) filter (where indicator = 'federal_money_eur') as federal_money_wide_high_eur,
        max(value) filter (where indicator = 'success_rate_pct') as success_rate_pct,
        max(low) filter (where indicator = 'success_rate_pct') as success_rate_low_pct,
        max(high) filter (where indicator = 'success_rate_pct') as success_rate_high_pct,
        max(definition) filter (where indicator = 'success_rate_pct') as success_definition,
        string_agg(distinct indicator || ': ' || value_printed, '; ' order by indicator || ': ' || value_printed)
            as value_printed,
        string_agg(distinct source_document, '; ' order by source_document) as source_document,
        string_agg(distinct remark, ' ' order by remark) as remark,
        max(evidence_class_rank) as evidence_rank
    from with_ends
    group by region_code, stated_year, reference_month

),

computed as (

    select
        *,
        round(federal_money_eur / nullif(courses, 0), 2) as eur_per_course,
        round(federal_money_low_eur / nullif(courses_high, 0), 2) as eur_per_course_low,
        round(federal_money_high_eur / nullif(courses_low, 0), 2) as eur_per_course_high,
        round(federal_money_wide_low_eur / nullif(courses_wide_high, 0), 2) as eur_per_course_wide_low,
        round(federal_money_wide_high_eur / nullif(courses_wide_low, 0), 2) as eur_per_course_wide_high,
        case
            when federal_money_eur is null then 'money_not_delivered_for_the_region'
            when courses is null then 'courses_not_delivered'
            when courses = 0 then 'no_courses'
        end as eur_per_course_reason,
        round(federal_money_eur / nullif(participants_persons * success_rate_pct / 100, 0), 2) as eur_per_success,
        case
            when success_rate_pct is null then 'success_rate_not_delivered'
            when success_definition is null then 'success_not_defined'
            when participants_persons is null then 'participants_not_delivered'
            when federal_money_eur is null then 'money_not_delivered_for_the_region'
            when participants_persons * success_rate_pct = 0 then 'no_success'
        end as eur_per_success_reason
    from pivoted

),

final as (

    select
        computed.region_code,
        computed.stated_year,
        computed.reference_month,
        regions.region_name,
        computed.courses,
        computed.courses_low,
        computed.courses_high,
        computed.participants_persons,
        computed.participants_low_persons,
        computed.participants_high_persons,
        computed.federal_money_eur,
        computed.federal_money_low_eur,
        computed.federal_money_high_eur,
        computed.success_rate_pct,
        computed.success_rate_low_pct,
        computed.success_rate_high_pct,
        computed.success_definition,
        computed.eur_per_course,
        computed.eur_per_course_low,
        computed.eur_per_course_high,
        computed.eur_per_course_wide_low,
        computed.eur_per_course_wide_high,
        computed.eur_per_course_reason,
        case when computed.eur_per_success_reason is null then computed.eur_per_success end as eur_per_success,
        computed.eur_per_success_reason,
        computed.value_printed,
        computed.source_document,
        computed.remark,
        case
            when computed.eur_per_course is null then {{ evidence_of_rank('computed.evidence_rank') }}
            else {{ weakest_evidence(["'derived'", evidence_of_rank('computed.evidence_rank')]) }}
        end as evidence
    from computed
    left join regions
        on computed.region_code = regions.region_code

)

select * from final

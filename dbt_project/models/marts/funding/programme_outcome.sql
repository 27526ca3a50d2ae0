-- grain: one row per programme, region and printed period for which results were delivered.
-- Results are cases, not persons; lasting results come from EECR05 and EECR06 alone.
with

delivered_values as (

    -- what is counted of a programme beside its results is in programme_site and programme_reach
    select *
    from {{ ref('stg_programme_result__value') }}
    where indicator in ('participants', 'results', 'insured_share_pct', 'EECR05', 'EECR06', 'own_cost_eur')

),

precisions as (

    select * from {{ ref('print_precision') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

with_ends as (

    select
        delivered_values.*,
        {{ lower_end('delivered_values.value', 'precisions') }} as low,
        {{ upper_end('delivered_values.value', 'precisions') }} as high,
        {{ lower_end('delivered_values.value', 'precisions', 'wide') }} as wide_low,
        {{ upper_end('delivered_values.value', 'precisions', 'wide') }} as wide_high,
        precisions.lower_bracket,
        precisions.upper_bracket,
        coalesce(precisions.lower_bracket = '(', false) as is_low_left_out,
        coalesce(precisions.upper_bracket = ')', false) as is_high_left_out,
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
        max(value) filter (where indicator = 'results') as results_cases,
        max(value_printed) filter (where indicator = 'results') as results_printed,
        max(low) filter (where indicator = 'results') as results_low_cases,
        max(high) filter (where indicator = 'results') as results_high_cases,
        max(wide_low) filter (where indicator = 'results') as results_wide_low_cases,
        max(wide_high) filter (where indicator = 'results') as results_wide_high_cases,
        max({{ interval_text('low', 'high') }}) filter (where indicator = 'results') as results_interval,
        max({{ interval_text('wide_low', 'wide_high') }}) filter (where indicator = 'results') as results_wide_interval,
        max(value) filter (where indicator = 'insured_share_pct') as insured_share_pct,
        max(value_printed) filter (where indicator = 'insured_share_pct') as insured_share_printed,
        max(coalesce(low, 0)) filter (where indicator = 'insured_share_pct') as insured_share_low_pct,
        max(coalesce(high, 100)) filter (where indicator = 'insured_share_pct') as insured_share_high_pct,
        max({{ interval_text('low', 'high', 0, 100) }}) filter (where indicator = 'insured_share_pct') as insured_share_interval,
        coalesce(bool_or(is_low_left_out) filter (where indicator in ('results', 'insured_share_pct')), false)
            as is_low_left_out,
        -- whatever is more than a share ends at all of it, which is held
        coalesce(
            bool_or(is_high_left_out and high is not null) filter (where indicator in ('results', 'insured_share_pct')), false
        ) as is_high_left_out,
        max(value) filter (where indicator = 'EECR05') as employed_after_six_months_persons,
        max(value) filter (where indicator = 'EECR06') as improved_after_six_months_persons,
        max(value) filter (where indicator = 'own_cost_eur') as own_cost_eur,
        max(evidence_class_rank) as evidence_rank,
        string_agg(distinct source_document, '; ' order by source_document) as source_document,
        string_agg(distinct remark, ' ' order by remark) as remark
    from with_ends
    group by programme_id, region_code, period_printed

),

wholed as (

    -- cases are whole: half a case is none
    select
        pivoted.*,
        case
            when is_low_left_out then floor(results_low_cases * insured_share_low_pct / 100) + 1
            else ceil(results_low_cases * insured_share_low_pct / 100)
        end as whole_low_cases,
        case
            when is_high_left_out then ceil(results_high_cases * insured_share_high_pct / 100) - 1
            else floor(results_high_cases * insured_share_high_pct / 100)
        end as whole_high_cases
    from pivoted

),

final as (

    select
        programme_id,
        region_code,
        period_printed,
        programme,
        funding_level,
        participants_persons,
        results_cases,
        results_printed,
        results_low_cases,
        results_high_cases,
        results_interval,
        results_wide_low_cases,
        results_wide_high_cases,
        results_wide_interval,
        insured_share_pct,
        insured_share_printed,
        insured_share_low_pct,
        insured_share_high_pct,
        insured_share_interval,
        -- an exact share of an exact count that is no whole number lies between two
        case when whole_low_cases > whole_high_cases then whole_high_cases else whole_low_cases end
            as insured_results_low_cases,
        case when whole_low_cases > whole_high_cases then whole_low_cases else whole_high_cases end
            as insured_results_high_cases,
        employed_after_six_months_persons,
        improved_after_six_months_persons,
        case
            when employed_after_six_months_persons is null and improved_after_six_months_persons is null
                then 'eecr05_and_eecr06_not_delivered'
        end as lasting_results_reason,
        own_cost_eur,
        round(own_cost_eur / nullif(results_cases, 0), 2) as eur_per_result,
        round(own_cost_eur / nullif(results_high_cases, 0), 2) as eur_per_result_low,
        round(own_cost_eur / nullif(results_low_cases, 0), 2) as eur_per_result_high,
        case
            when own_cost_eur is null then 'own_cost_not_delivered'
            when results_cases is null then 'results_not_delivered'
            when results_cases = 0 then 'no_results'
        end as eur_per_result_reason,
        source_document,
        remark,
        {{ evidence_of_rank('evidence_rank') }} as evidence,
        case
            when num_nonnulls(whole_low_cases, own_cost_eur) > 0
                then {{ weakest_evidence(["'derived'", evidence_of_rank('evidence_rank')]) }}
        end as computed_evidence
    from wholed

)

select * from final

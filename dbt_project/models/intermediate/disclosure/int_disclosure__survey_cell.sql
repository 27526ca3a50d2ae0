-- grain: one row per file, period, region, group and measure of an estimate from microdata.
-- The one place where an estimate becomes what readers see: the survey's own rule for unreliable values, and the house's
-- for small counts. A share takes the weaker sign of its numerator and denominator. After it nothing knows exact cases.
with

estimates as (

    select * from {{ ref('int_survey__mikrozensus_estimate') }}

),

sign_rules as (

    select * from {{ ref('mikrozensus_sign_rule') }}

),

measured as (

    select
        estimates.*,
        sign_rules.unreliable_below,
        sign_rules.limited_below,
        -- of numerator and denominator the smaller one has the weaker sign
        case sign_rules.counted_by
            when 'projected' then least(estimates.projected_persons, estimates.base_persons)
            else least(estimates.yes_cases, estimates.base_cases)
        end as counted
    from estimates
    left join sign_rules
        on estimates.reference_year between sign_rules.first_year and sign_rules.last_year

),

ruled as (

    select
        measured.*,
        case
            -- one district alone has no error
            when share is null or clusters < 2 or coalesce(counted < unreliable_below, true) then 'unreliable'
            when
                yes_cases < {{ var('minimum_cell_persons') }}
                or base_cases - yes_cases between 1 and {{ var('minimum_cell_persons') }} - 1 then 'few_units'
        end as rule
    from measured

),

final as (

    select
        held_by_ags,
        reference_year,
        reference_period,
        weight_kind,
        region_code,
        measure,
        size_class,
        sex,
        age_group,
        background_group,
        yes_cases,
        rule,
        rule is null as is_shown,
        case
            when rule = 'unreliable' then '/'
            when rule = 'few_units' then '.'
            when counted < limited_below then '()'
        end as value_sign,
        case
            when rule = 'unreliable' then 'too_few_cases'
            when rule = 'few_units' then 'confidential'
        end as reason,
        case when rule is null then share end as shown_share,
        case when rule is null then standard_error end as shown_standard_error,
        case when rule is null then cast(round(projected_persons, -3) as bigint) end as shown_persons,
        case when rule is null then {{ count_class('base_cases') }} end as shown_cases,
        case when rule is null then clusters end as shown_clusters,
        case when rule is null then lone_strata end as shown_lone_strata,
        evidence,
        source_file_name,
        source_sha256
    from ruled

)

select * from final

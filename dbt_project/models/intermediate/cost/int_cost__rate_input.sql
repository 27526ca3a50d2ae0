-- grain: one row per municipality, year and method for which a ledger was delivered.
-- Numerator and denominator side by side, or the reason why there is no rate; of a confidential group neither amounts nor counts.
with

numerators_with_evidence as (

    select * from {{ ref('int_cost__numerator') }}

),

denominators as (

    select * from {{ ref('int_cost__denominator') }}

),

confidential_groups as (

    select * from {{ ref('int_disclosure__cost_group') }}

),

delivered_dates as (

    select
        method,
        region_code,
        -- also where it is confidential
        count(population_source) > 0 as has_population,
        count(employees_place_basis) > 0 as has_employees
    from denominators
    group by method, region_code

),

joined as (

    select
        numerators_with_evidence.municipality_ags,
        numerators_with_evidence.fiscal_year,
        numerators_with_evidence.method,
        numerators_with_evidence.reference_date,
        numerators_with_evidence.cost_basis,
        numerators_with_evidence.unmapped_limit_pct,
        amounts.total_cost_eur,
        amounts.unattributed_cost_eur,
        amounts.excluded_cost_eur,
        amounts.unmapped_cost_eur,
        amounts.mappable_cost_eur,
        amounts.unmapped_low_eur,
        amounts.unmapped_high_eur,
        amounts.unmapped_pct,
        amounts.cost_precision_eur,
        {{ evidence_of_sum(
            'amounts.rows_evidence',
            'amounts.total_cost_eur',
            'amounts.control_value',
            'amounts.control_evidence',
        ) }} as cost_evidence,
        amounts.ledger_evidence,
        denominators.population_source,
        denominators.population_evidence,
        denominators.employees_place_basis,
        denominators.employees_evidence,
        counts.population_persons,
        counts.employees_persons,
        counts.denominator_persons,
        counts.denominator_low_persons,
        counts.denominator_high_persons,
        counts.denominator_class_low_persons,
        counts.denominator_class_high_persons,
        coalesce(denominators.has_class, false) as has_class,
        -- also where it is confidential: the office reads it
        coalesce(
            numerators_with_evidence.unmapped_pct > numerators_with_evidence.unmapped_limit_pct, false
        ) as is_mapping_incomplete,
        case
            when confidential_groups.municipality_ags is not null and coalesce(confidential_groups.rule, '') <> 'uncounted'
                then 'confidential'
            when numerators_with_evidence.numerator_rule = 'none' then 'numerator_of_method_missing'
            when amounts.unmapped_pct > numerators_with_evidence.unmapped_limit_pct then 'mapping_incomplete'
            -- withheld until the persons are counted: that they are missing is the reason
            when amounts.total_cost_eur is null and confidential_groups.municipality_ags is null then 'numerator_missing'
            when denominators.population_persons is null and delivered_dates.has_population
                then 'population_of_another_date'
            when denominators.population_persons is null then 'population_missing'
            -- by another method
            when confidential_groups.municipality_ags is not null then 'confidential'
            when denominators.reason = 'employees_missing' and delivered_dates.has_employees
                then 'employees_of_another_date'
            else denominators.reason
        end as reason
    from numerators_with_evidence
    left join confidential_groups
        on numerators_with_evidence.municipality_ags = confidential_groups.municipality_ags
            and numerators_with_evidence.fiscal_year = confidential_groups.fiscal_year
    -- what is confidential goes with all of its group: its amounts and its counts
    left join numerators_with_evidence as amounts
        on numerators_with_evidence.municipality_ags = amounts.municipality_ags
            and numerators_with_evidence.fiscal_year = amounts.fiscal_year
            and numerators_with_evidence.method = amounts.method
            and confidential_groups.municipality_ags is null
    left join denominators
        on numerators_with_evidence.method = denominators.method
            and numerators_with_evidence.municipality_ags = denominators.region_code
            and numerators_with_evidence.reference_date = denominators.reference_date
    left join denominators as counts
        on denominators.method = counts.method
            and denominators.region_code = counts.region_code
            and denominators.reference_date = counts.reference_date
            and confidential_groups.municipality_ags is null
    left join delivered_dates
        on numerators_with_evidence.method = delivered_dates.method
            and numerators_with_evidence.municipality_ags = delivered_dates.region_code

),

-- what the rate may be for the counts of the denominator's class; where it has none, both are its one count
ranged as (

    select
        joined.*,
        case
            when joined.reason is null
                then
                    least(
                        {{ rate('joined.total_cost_eur', 'joined.denominator_class_low_persons') }},
                        {{ rate('joined.total_cost_eur', 'joined.denominator_class_high_persons') }}
                    )
        end as class_rate_low_eur,
        case
            when joined.reason is null
                then
                    greatest(
                        {{ rate('joined.total_cost_eur', 'joined.denominator_class_low_persons') }},
                        {{ rate('joined.total_cost_eur', 'joined.denominator_class_high_persons') }}
                    )
        end as class_rate_high_eur,
        case
            when joined.reason is null and joined.has_class
                then {{ rate_step(
                    'joined.total_cost_eur', 'joined.denominator_class_low_persons', 'joined.denominator_class_high_persons'
                ) }}
        end as class_step_eur
    from joined

),

final as (

    select
        municipality_ags,
        fiscal_year,
        method,
        reference_date,
        cost_basis,
        unmapped_limit_pct,
        total_cost_eur,
        unattributed_cost_eur,
        excluded_cost_eur,
        unmapped_cost_eur,
        mappable_cost_eur,
        unmapped_low_eur,
        unmapped_high_eur,
        unmapped_pct,
        cost_precision_eur,
        cost_evidence,
        ledger_evidence,
        population_source,
        population_evidence,
        employees_place_basis,
        employees_evidence,
        population_persons,
        employees_persons,
        denominator_persons,
        denominator_low_persons,
        denominator_high_persons,
        denominator_class_low_persons,
        denominator_class_high_persons,
        has_class,
        is_mapping_incomplete,
        reason,
        class_rate_low_eur,
        class_rate_high_eur,
        class_step_eur
    from ranged

)

select * from final

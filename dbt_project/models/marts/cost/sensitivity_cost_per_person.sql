-- grain: one row per municipality, year and sensitivity. For the statistics office only, never released.
-- The cost of the method over another denominator: a figure that nobody measured, to see what the denominator does.
with

rates as (

    select * from {{ ref('int_cost__rate') }}

),

sensitivities as (

    select * from {{ ref('cost_sensitivity') }}

),

varied as (

    select
        rates.municipality_ags,
        rates.fiscal_year,
        rates.method,
        rates.total_cost_eur,
        rates.reason,
        rates.evidence,
        sensitivities.sensitivity,
        sensitivities.sensitivity_version,
        sensitivities.caption_de,
        sensitivities.caption_en,
        {{ denominator('sensitivities.denominator_rule', 'rates.population_persons', 'rates.employees_persons') }}
            as sensitivity_denominator_persons
    from rates
    inner join sensitivities
        on rates.method = sensitivities.method

),

final as (

    select
        municipality_ags,
        fiscal_year as reference_year,
        sensitivity,
        sensitivity_version,
        method,
        total_cost_eur,
        sensitivity_denominator_persons as denominator_persons,
        case
            when reason is null and sensitivity_denominator_persons > 0
                then {{ rate('total_cost_eur', 'sensitivity_denominator_persons') }}
        end as cost_per_person_eur,
        case
            when reason is not null then reason
            when sensitivity_denominator_persons <= 0 then 'denominator_not_positive'
        end as reason,
        evidence,
        caption_de,
        caption_en
    from varied

)

select * from final

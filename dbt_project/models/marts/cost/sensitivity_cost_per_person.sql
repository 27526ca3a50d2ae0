-- grain: one row per municipality, year and sensitivity. For the statistics office only, never released.
-- The cost of the method over another denominator: a figure that nobody measured, to see what the denominator does. Of
-- exact counts and amounts, confidential ones too; what readers see gives it reasons alone.
with

components as (

    select * from {{ ref('int_cost__component') }}

),

rates as (

    select * from {{ ref('int_cost__rate') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

populations as (

    select * from {{ ref('int_population__united_eu2') }}

),

denominators as (

    select * from {{ ref('int_cost__denominator') }}

),

sensitivities as (

    select * from {{ ref('cost_sensitivity') }}

),

totals as (

    select
        municipality_ags,
        fiscal_year,
        method,
        sum(amount_eur) as total_cost_eur
    from components
    where treatment = 'attributed'
    group by municipality_ags, fiscal_year, method

),

varied as (

    select
        rates.municipality_ags,
        rates.fiscal_year,
        rates.method,
        -- the part of a cost that happens to be mapped is no figure
        case when not rates.is_mapping_incomplete then totals.total_cost_eur end as total_cost_eur,
        case
            when rates.is_mapping_incomplete then 'mapping_incomplete'
            when rates.reason not in ('confidential', 'rate_too_coarse') then rates.reason
            when totals.total_cost_eur is null then 'numerator_missing'
            when populations.eu2_persons is null then 'population_missing'
        end as reason,
        rates.evidence,
        sensitivities.sensitivity,
        sensitivities.sensitivity_version,
        sensitivities.caption_de,
        sensitivities.caption_en,
        {{ denominator('sensitivities.denominator_rule', 'populations.eu2_persons', 'denominators.employees_persons') }}
            as sensitivity_denominator_persons
    from rates
    inner join sensitivities
        on rates.method = sensitivities.method
    inner join methods
        on rates.method = methods.method
    left join totals
        on rates.municipality_ags = totals.municipality_ags
            and rates.fiscal_year = totals.fiscal_year
            and rates.method = totals.method
    left join populations
        on rates.municipality_ags = populations.region_code
            and rates.reference_date = populations.reference_date
            and methods.population_source = populations.source
    left join denominators
        on rates.method = denominators.method
            and rates.municipality_ags = denominators.region_code
            and rates.reference_date = denominators.reference_date

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

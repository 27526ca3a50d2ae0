-- grain: one row per municipality whose rate is used, year, method and region it is extrapolated to.
-- The rate of one year meets the persons of the same date only; otherwise there is a reason and no figure.
with

rates as (

    select * from {{ ref('int_cost__rate') }}

),

denominators as (

    select * from {{ ref('int_cost__denominator') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

published_figures as (

    select * from {{ ref('published_figure') }}

),

verdicts as (

    select * from {{ ref('verdict') }}

),

countries as (

    select
        region_code,
        region_name
    from regions
    where region_level = 'country'

),

paired as (

    select
        rates.municipality_ags,
        rates.fiscal_year,
        rates.method,
        rates.method_version,
        rates.cost_per_person_eur,
        rates.cost_per_person_rounded_eur,
        rates.population_source as rate_population_source,
        rates.evidence as rate_evidence,
        countries.region_code,
        countries.region_name,
        denominators.reference_date,
        denominators.population_source,
        denominators.population_persons,
        denominators.population_evidence,
        denominators.employees_persons,
        denominators.employees_place_basis,
        denominators.employees_evidence,
        denominators.denominator_persons,
        case
            when rates.cost_per_person_eur is null then 'rate_missing'
            when denominators.region_code is null then 'persons_of_that_date_missing'
            when denominators.reason is not null then denominators.reason
            when denominators.employees_place_basis <> rates.employees_place_basis then 'place_basis_differs'
        end as reason,
        {{ weakest_evidence([
            'rates.evidence',
            'denominators.population_evidence',
            'denominators.employees_evidence',
        ]) }} as evidence
    from rates
    cross join countries
    left join denominators
        on rates.method = denominators.method
            and rates.reference_date = denominators.reference_date
            and countries.region_code = denominators.region_code

),

extrapolated as (

    select
        paired.*,
        case when reason is null then round(cost_per_person_rounded_eur * denominator_persons, 0) end
            as extrapolated_cost_rounded_rate_eur,
        case when reason is null then round(cost_per_person_eur * denominator_persons, 0) end
            as extrapolated_cost_unrounded_rate_eur
    from paired

),

compared as (

    select
        extrapolated.*,
        published_figures.value as published_cost_eur,
        published_figures.precision as published_precision,
        {{ verdict(
            'extrapolated.extrapolated_cost_rounded_rate_eur',
            'published_figures.value',
            'published_figures.precision_half_width',
            'extrapolated.evidence',
        ) }} as verdict
    from extrapolated
    left join published_figures
        on published_figures.mart = 'cost_extrapolation'
            and published_figures.measure = 'extrapolated_cost_eur'
            and extrapolated.municipality_ags = published_figures.rate_region_code
            and extrapolated.region_code = published_figures.region_code
            and extrapolated.fiscal_year = published_figures.reference_year
            and extrapolated.method = published_figures.method

),

final as (

    select
        compared.municipality_ags,
        compared.fiscal_year as reference_year,
        compared.method,
        compared.method_version,
        compared.region_code,
        compared.region_name,
        compared.reference_date,
        compared.cost_per_person_eur,
        compared.cost_per_person_rounded_eur,
        compared.population_persons,
        compared.employees_persons,
        compared.employees_place_basis,
        compared.denominator_persons,
        compared.extrapolated_cost_rounded_rate_eur,
        compared.extrapolated_cost_unrounded_rate_eur,
        {{ presentation_de('compared.extrapolated_cost_rounded_rate_eur') }} as presentation_de,
        compared.published_cost_eur,
        compared.published_precision,
        compared.verdict,
        compared.reason,
        compared.evidence,
        compared.rate_population_source,
        compared.rate_evidence,
        compared.population_source,
        compared.population_evidence,
        compared.employees_evidence,
        concat_ws(' ', methods.extrapolation_caption_de, methods.caption_de, verdicts.caption_de) as caption_de,
        concat_ws(' ', methods.extrapolation_caption_en, methods.caption_en, verdicts.caption_en) as caption_en,
        true as is_extrapolation
    from compared
    inner join methods
        on compared.method = methods.method
    left join verdicts
        on compared.verdict = verdicts.verdict

)

select * from final

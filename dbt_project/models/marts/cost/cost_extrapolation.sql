-- grain: one row per municipality whose rate is used, year, method, region and year of the region's persons.
-- The rate of one year meets persons of another only by the method's price basis; else there is a reason and no figure.
with

paired as (

    select * from {{ ref('int_cost__rate_with_persons') }}

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

judged as (

    select
        paired.*,
        case
            when price_factor = 1 then cost_per_person_rounded_eur
            else round(cost_per_person_eur * price_factor, rate_rounding_digits)
        end as rounded_rate_eur,
        case
            when rate_reason in ('mapping_incomplete', 'confidential') then rate_reason
            when cost_per_person_eur is null then 'rate_missing'
            when reference_date is null then 'persons_of_that_date_missing'
            when denominator_reason is not null then denominator_reason
            when has_other_place_basis then 'place_basis_differs'
            when price_factor is null then 'price_basis_missing'
        end as reason
    from paired

),

extrapolated as (

    select
        judged.*,
        case when reason is null then round(rounded_rate_eur * denominator_persons, 0) end
            as extrapolated_cost_rounded_rate_eur,
        case when reason is null then round(cost_per_person_eur * price_factor * denominator_persons, 0) end
            as extrapolated_cost_unrounded_rate_eur,
        case when reason is null then round(cost_per_person_low_eur * price_factor * denominator_low_persons, 0) end
            as extrapolated_cost_low_eur,
        case when reason is null then round(cost_per_person_high_eur * price_factor * denominator_high_persons, 0) end
            as extrapolated_cost_high_eur
    from judged

),

compared as (

    select
        extrapolated.*,
        published_figures.value as published_cost_eur,
        published_figures.precision as published_precision,
        {{ verdict(
            'extrapolated.extrapolated_cost_rounded_rate_eur',
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
            and extrapolated.persons_year = published_figures.reference_year
            and extrapolated.method = published_figures.method

),

final as (

    select
        compared.municipality_ags,
        compared.fiscal_year as reference_year,
        compared.method,
        compared.method_version,
        compared.region_code,
        coalesce(regions.region_name, compared.region_code) as region_name,
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
        concat_ws(' ', methods.extrapolation_caption_de, compared.rate_caption_de, verdicts.caption_de) as caption_de,
        concat_ws(' ', methods.extrapolation_caption_en, compared.rate_caption_en, verdicts.caption_en) as caption_en,
        true as is_extrapolation,
        compared.persons_year,
        case compared.region_level when 'country' then 'extrapolation' else 'scenario' end as row_kind,
        compared.price_basis,
        compared.price_factor,
        compared.extrapolated_cost_low_eur,
        compared.extrapolated_cost_high_eur,
        compared.method_edition
    from compared
    inner join methods
        on compared.method = methods.method
    left join regions
        on compared.region_code = regions.region_code
    left join verdicts
        on compared.verdict = verdicts.verdict

)

select * from final

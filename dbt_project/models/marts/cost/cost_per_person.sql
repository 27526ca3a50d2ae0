-- grain: one row per municipality, year and method.
-- The computed value, the published one and the verdict on the two are separate columns.
with

rates as (

    select * from {{ ref('int_cost__rate') }}

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

compared as (

    select
        rates.*,
        published_figures.value as published_cost_per_person_eur,
        published_figures.precision as published_precision,
        {{ verdict(
            'rates.class_rate_low_eur',
            'rates.class_rate_high_eur',
            'published_figures.value',
            'published_figures.precision_half_width',
            'rates.evidence',
        ) }} as verdict
    from rates
    left join published_figures
        on published_figures.mart = 'cost_per_person'
            and published_figures.measure = 'cost_per_person_eur'
            and rates.municipality_ags = published_figures.region_code
            and rates.fiscal_year = published_figures.reference_year
            and rates.method = published_figures.method

),

final as (

    select
        compared.municipality_ags,
        regions.region_name as municipality_name,
        compared.fiscal_year as reference_year,
        compared.method,
        compared.method_version,
        compared.total_cost_eur,
        compared.reference_date,
        compared.population_persons,
        compared.employees_persons,
        compared.employees_place_basis,
        compared.denominator_persons,
        compared.cost_per_person_eur,
        compared.cost_per_person_rounded_eur,
        compared.published_cost_per_person_eur,
        compared.published_precision,
        compared.verdict,
        compared.reason,
        compared.evidence,
        compared.cost_evidence,
        compared.population_source,
        compared.population_evidence,
        compared.employees_evidence,
        concat_ws(' ', compared.caption_de, verdicts.caption_de) as caption_de,
        concat_ws(' ', compared.caption_en, verdicts.caption_en) as caption_en,
        -- an interval of a sum of money is money: to the cent
        round(compared.cost_per_person_low_eur, 2) as cost_per_person_low_eur,
        round(compared.cost_per_person_high_eur, 2) as cost_per_person_high_eur,
        compared.unattributed_cost_eur,
        compared.excluded_cost_eur,
        compared.cost_basis,
        compared.unmapped_cost_eur,
        cast(compared.unmapped_pct as numeric(9, 4)) as unmapped_pct,
        compared.unmapped_limit_pct,
        compared.method_edition,
        compared.rate_step_eur,
        compared.ledger_evidence
    from compared
    left join verdicts
        on compared.verdict = verdicts.verdict
    left join regions
        on compared.municipality_ags = regions.region_code

)

select * from final

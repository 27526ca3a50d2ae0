-- grain: one row per municipality whose rate is used, year, method, region and day of the region's persons.
-- Which rate meets which persons, and by which prices.
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

price_bases as (

    select * from {{ ref('price_basis') }}

),

countries as (

    select region_code
    from regions
    where region_level = 'country'

),

targets as (

    -- the country always, so that a missing figure has its reason
    select
        rates.municipality_ags,
        rates.fiscal_year,
        rates.method,
        countries.region_code,
        rates.reference_date
    from rates
    cross join countries

    union

    -- other regions and dates only where persons and employees were both delivered, or are confidential
    select
        rates.municipality_ags,
        rates.fiscal_year,
        rates.method,
        denominators.region_code,
        denominators.reference_date
    from rates
    inner join denominators
        on rates.method = denominators.method
            and rates.municipality_ags <> denominators.region_code
    where (denominators.denominator_persons is not null or denominators.reason = 'confidential')
        and (
            denominators.region_level in ('country', 'state', 'district')
            -- a town of its own is a district
            or (denominators.region_level = 'municipality' and right(denominators.region_code, 3) = '000')
        )

),

paired as (

    select
        targets.municipality_ags,
        targets.fiscal_year,
        targets.method,
        rates.method_version,
        rates.cost_per_person_eur,
        rates.cost_per_person_low_eur,
        rates.cost_per_person_high_eur,
        rates.cost_per_person_rounded_eur,
        rates.population_source as rate_population_source,
        rates.evidence as rate_evidence,
        rates.reason as rate_reason,
        rates.caption_de as rate_caption_de,
        rates.caption_en as rate_caption_en,
        rates.method_edition,
        targets.region_code,
        {{ region_level('targets.region_code') }} as region_level,
        denominators.reference_date,
        cast(extract(year from targets.reference_date) as integer) as persons_year,
        denominators.population_source,
        denominators.population_persons,
        denominators.population_evidence,
        denominators.employees_persons,
        denominators.employees_place_basis,
        denominators.employees_evidence,
        denominators.denominator_persons,
        denominators.denominator_low_persons,
        denominators.denominator_high_persons,
        methods.rate_rounding_digits,
        persons_prices.price_basis,
        case
            when targets.reference_date = rates.reference_date then 1
            else persons_prices.index_value / nullif(rate_prices.index_value, 0)
        end as price_factor,
        denominators.reason as denominator_reason,
        denominators.employees_place_basis <> rates.employees_place_basis as has_other_place_basis,
        {{ weakest_evidence([
            'rates.evidence',
            'denominators.population_evidence',
            'denominators.employees_evidence',
        ]) }} as evidence
    from targets
    inner join rates
        on targets.municipality_ags = rates.municipality_ags
            and targets.fiscal_year = rates.fiscal_year
            and targets.method = rates.method
    inner join methods
        on targets.method = methods.method
    left join denominators
        on targets.method = denominators.method
            and targets.reference_date = denominators.reference_date
            and targets.region_code = denominators.region_code
    left join price_bases as rate_prices
        on methods.price_basis = rate_prices.price_basis
            and targets.fiscal_year = rate_prices.reference_year
    left join price_bases as persons_prices
        on methods.price_basis = persons_prices.price_basis
            and extract(year from targets.reference_date) = persons_prices.reference_year
            and targets.reference_date <> rates.reference_date

),

final as (

    select
        municipality_ags,
        fiscal_year,
        method,
        method_version,
        cost_per_person_eur,
        cost_per_person_low_eur,
        cost_per_person_high_eur,
        cost_per_person_rounded_eur,
        rate_population_source,
        rate_evidence,
        rate_reason,
        rate_caption_de,
        rate_caption_en,
        method_edition,
        region_code,
        region_level,
        reference_date,
        persons_year,
        population_source,
        population_persons,
        population_evidence,
        employees_persons,
        employees_place_basis,
        employees_evidence,
        denominator_persons,
        denominator_low_persons,
        denominator_high_persons,
        rate_rounding_digits,
        price_basis,
        price_factor,
        denominator_reason,
        has_other_place_basis,
        evidence
    from paired

)

select * from final

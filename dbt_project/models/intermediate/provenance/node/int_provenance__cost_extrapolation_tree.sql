-- grain: one row per row of cost_extrapolation, with the key of its tree and all that the tree is made of.
with

extrapolations as (

    select * from {{ ref('cost_extrapolation') }}

),

rates as (

    select * from {{ ref('int_cost__rate') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

trees as (

    select
        'cost_extrapolation' as mart,
        {{ row_key([
            'extrapolations.municipality_ags',
            'extrapolations.reference_year',
            'extrapolations.method',
            'extrapolations.region_code',
            'extrapolations.persons_year',
        ]) }} as row_key,
        'extrapolated_cost_rounded_rate_eur' as figure,
        extrapolations.municipality_ags as region_code,
        extrapolations.reference_year,
        extrapolations.method,
        {{ row_key(['extrapolations.municipality_ags', 'extrapolations.reference_year', 'extrapolations.method']) }} as rate_key,
        extrapolations.region_code as persons_region_code,
        extrapolations.region_name,
        extrapolations.persons_year,
        extrapolations.reference_date,
        extrapolations.cost_per_person_rounded_eur,
        extrapolations.cost_per_person_eur,
        extrapolations.price_factor,
        coalesce(extrapolations.price_factor, 1) <> 1 as is_repriced,
        extrapolations.denominator_persons,
        extrapolations.population_persons,
        extrapolations.population_source,
        extrapolations.population_evidence,
        extrapolations.employees_persons,
        extrapolations.employees_place_basis,
        extrapolations.employees_evidence,
        extrapolations.extrapolated_cost_rounded_rate_eur,
        extrapolations.evidence,
        extrapolations.rate_evidence,
        extrapolations.reason,
        methods.rate_rounding_digits,
        methods.denominator_rule,
        case
            when coalesce(extrapolations.price_factor, 1) = 1 then extrapolations.cost_per_person_rounded_eur
            else round(rates.cost_per_person_eur * extrapolations.price_factor, methods.rate_rounding_digits)
        end as rate_eur,
        rates.cost_per_person_eur as exact_rate_eur
    from extrapolations
    inner join rates
        on extrapolations.municipality_ags = rates.municipality_ags
            and extrapolations.reference_year = rates.fiscal_year
            and extrapolations.method = rates.method
    inner join methods
        on extrapolations.method = methods.method

),

final as (

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        rate_key,
        persons_region_code,
        region_name,
        persons_year,
        reference_date,
        cost_per_person_rounded_eur,
        cost_per_person_eur,
        price_factor,
        is_repriced,
        denominator_persons,
        population_persons,
        population_source,
        population_evidence,
        employees_persons,
        employees_place_basis,
        employees_evidence,
        extrapolated_cost_rounded_rate_eur,
        evidence,
        rate_evidence,
        reason,
        rate_rounding_digits,
        denominator_rule,
        rate_eur,
        exact_rate_eur
    from trees

)

select * from final

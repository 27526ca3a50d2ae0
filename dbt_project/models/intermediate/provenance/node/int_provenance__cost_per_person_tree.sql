-- grain: one row per row of cost_per_person, with the key of its tree and all that the tree is made of.
with

costs as (

    select * from {{ ref('cost_per_person') }}

),

rates as (

    select * from {{ ref('int_cost__rate') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

trees as (

    select
        'cost_per_person' as mart,
        {{ row_key(['costs.municipality_ags', 'costs.reference_year', 'costs.method']) }} as row_key,
        'cost_per_person_rounded_eur' as figure,
        costs.municipality_ags as region_code,
        costs.reference_year,
        costs.method,
        costs.total_cost_eur,
        -- as it was computed: the mart shows six decimals of it
        rates.cost_per_person_eur,
        costs.cost_per_person_low_eur,
        costs.cost_per_person_high_eur,
        costs.published_cost_per_person_eur,
        costs.published_precision,
        rates.rate_step_eur,
        rates.has_class,
        rates.is_published,
        rates.cost_precision_eur,
        rates.denominator_low_persons,
        rates.denominator_high_persons,
        rates.denominator_class_low_persons,
        rates.denominator_class_high_persons,
        rates.unmapped_low_eur,
        rates.unmapped_high_eur,
        costs.cost_per_person_rounded_eur,
        costs.denominator_persons,
        costs.population_persons,
        costs.population_source,
        costs.population_evidence,
        costs.employees_persons,
        costs.employees_place_basis,
        costs.employees_evidence,
        costs.reference_date,
        costs.evidence,
        costs.cost_evidence,
        costs.reason,
        methods.label_de,
        methods.label_en,
        methods.rate_rounding_digits,
        methods.denominator_rule
    from costs
    inner join rates
        on costs.municipality_ags = rates.municipality_ags
            and costs.reference_year = rates.fiscal_year
            and costs.method = rates.method
    inner join methods
        on costs.method = methods.method

),

final as (

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        total_cost_eur,
        cost_per_person_eur,
        cost_per_person_low_eur,
        cost_per_person_high_eur,
        published_cost_per_person_eur,
        published_precision,
        rate_step_eur,
        has_class,
        is_published,
        cost_precision_eur,
        denominator_low_persons,
        denominator_high_persons,
        denominator_class_low_persons,
        denominator_class_high_persons,
        unmapped_low_eur,
        unmapped_high_eur,
        cost_per_person_rounded_eur,
        denominator_persons,
        population_persons,
        population_source,
        population_evidence,
        employees_persons,
        employees_place_basis,
        employees_evidence,
        reference_date,
        evidence,
        cost_evidence,
        reason,
        label_de,
        label_en,
        rate_rounding_digits,
        denominator_rule
    from trees

)

select * from final

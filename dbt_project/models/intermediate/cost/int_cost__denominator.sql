-- grain: one row per method, region and reference date for which persons or employees were delivered.
-- The one place where a method's denominator is computed: for a municipality and for the country alike. Persons of a
-- register come by their classes, so that whatever is made from this model is a function of them.
with

methods as (

    select * from {{ ref('cost_method') }}

),

populations as (

    select * from {{ ref('int_disclosure__united_eu2') }}

),

employees as (

    select * from {{ ref('stg_employment__employees') }}

),

employees_of_method as (

    select * from {{ ref('int_cost__employees_of_method') }}

),

population_of_method as (

    select
        methods.method,
        populations.region_code,
        populations.reference_date,
        populations.source as population_source,
        populations.eu2_persons as population_persons,
        -- what is off is told by the class, where there is one
        case when populations.source = 'register' then 0 else populations.eu2_precision_persons end
            as population_precision_persons,
        populations.eu2_low_persons as population_low_persons,
        populations.eu2_high_persons as population_high_persons,
        populations.source = 'register' as has_class,
        populations.eu2_persons is null as is_hidden,
        populations.eu2_evidence as population_evidence
    from methods
    inner join populations
        on methods.target_group = populations.nationality_group
            and populations.source = case populations.region_level
                when 'country' then methods.extrapolation_population_source
                when 'municipality' then methods.population_source
                else methods.regional_population_source
            end
    where populations.eu2_persons is not null
        or populations.is_confidential

),

by_workplace as (

    select distinct
        methods.method,
        employees.region_code,
        employees.reference_date
    from methods
    inner join employees
        on methods.target_group = employees.nationality_group
    where employees.place_basis = 'workplace'

),

joined as (

    select
        method,
        region_code,
        reference_date,
        population_of_method.population_source,
        population_of_method.population_persons,
        population_of_method.population_precision_persons,
        population_of_method.population_low_persons,
        population_of_method.population_high_persons,
        coalesce(population_of_method.has_class, false) as has_class,
        coalesce(population_of_method.is_hidden, false) as is_hidden,
        population_of_method.population_evidence,
        employees_of_method.employees_place_basis,
        employees_of_method.employees_persons,
        employees_of_method.employees_precision_persons,
        employees_of_method.employees_evidence
    from population_of_method
    full join employees_of_method
        using (method, region_code, reference_date)

),

computed as (

    select
        joined.*,
        {{ denominator('methods.denominator_rule', 'joined.population_persons', 'joined.employees_persons') }} as denominator_persons,
        {{ denominator('methods.denominator_rule', 'joined.population_low_persons', 'joined.employees_persons') }}
            as denominator_class_low_persons,
        {{ denominator('methods.denominator_rule', 'joined.population_high_persons', 'joined.employees_persons') }}
            as denominator_class_high_persons,
        joined.population_precision_persons + joined.employees_precision_persons as precision_persons,
        by_workplace.method is not null as has_employees_by_workplace
    from joined
    inner join methods
        on joined.method = methods.method
    left join by_workplace
        on joined.method = by_workplace.method
            and joined.region_code = by_workplace.region_code
            and joined.reference_date = by_workplace.reference_date

),

judged as (

    select
        computed.*,
        case
            when is_hidden then 'confidential'
            when population_persons is null then 'population_missing'
            when employees_persons is null and has_employees_by_workplace then 'employees_by_workplace'
            when employees_persons is null then 'employees_missing'
            -- a zero, too: were it shown, a hidden count would be one or two
            when employees_persons < {{ var('minimum_cell_persons') }} and coalesce(employees_evidence, '') <> 'published'
                then 'confidential'
            when denominator_class_high_persons <= 0 then 'denominator_not_positive'
            when denominator_class_low_persons < {{ var('minimum_cell_persons') }} then 'confidential'
        end as reason
    from computed

),

shown as (

    select
        judged.*,
        coalesce(reason, '') <> 'confidential' as is_shown
    from judged

),

final as (

    select
        method,
        region_code,
        {{ region_level('region_code') }} as region_level,
        reference_date,
        population_source,
        case when is_shown then population_persons end as population_persons,
        population_evidence,
        employees_place_basis,
        case when is_shown then employees_persons end as employees_persons,
        employees_evidence,
        case when is_shown then denominator_persons end as denominator_persons,
        case when is_shown then denominator_class_low_persons - precision_persons end as denominator_low_persons,
        case when is_shown then denominator_class_high_persons + precision_persons end as denominator_high_persons,
        reason,
        case when is_shown then denominator_class_low_persons end as denominator_class_low_persons,
        case when is_shown then denominator_class_high_persons end as denominator_class_high_persons,
        has_class
    from shown

)

select * from final

-- grain: one row per method, region and reference date for which employees of a place basis that the method names were delivered.
with

methods as (

    select * from {{ ref('cost_method') }}

),

place_bases as (

    select * from {{ ref('cost_method_place_basis') }}

),

employees as (

    select * from {{ ref('stg_employment__employees') }}

),

control_totals as (

    select * from {{ ref('control_total') }}

),

ranked as (

    select
        methods.method,
        employees.region_code,
        employees.reference_date,
        employees.place_basis as employees_place_basis,
        employees.employees_persons,
        coalesce(control_totals.precision_half_width, 0) as employees_precision_persons,
        employees.evidence as employees_evidence,
        row_number() over (
            partition by methods.method, employees.region_code, employees.reference_date
            order by place_bases.preference
        ) as preference_rank
    from methods
    inner join employees
        on methods.target_group = employees.nationality_group
    -- a basis that the method does not name is never used
    inner join place_bases
        on methods.method = place_bases.method
            and employees.place_basis = place_bases.place_basis
    left join control_totals
        on control_totals.source = 'employment'
            and control_totals.measure = 'employees_persons'
            and employees.region_code = control_totals.region_code
            and extract(year from employees.reference_date) = control_totals.reference_year
            and employees.employees_persons = control_totals.value
    where employees.employees_persons is not null

),

-- one basis is chosen: residence and workplace are never mixed
final as (

    select
        method,
        region_code,
        reference_date,
        employees_place_basis,
        employees_persons,
        employees_precision_persons,
        employees_evidence
    from ranked
    where preference_rank = 1

)

select * from final

-- grain: one row per municipality and fiscal year whose cost is confidential.
-- Of such a group no amount is shown, by whatever method: one amount would give another away.
with

components as (

    select * from {{ ref('int_cost__component') }}

),

denominators as (

    select * from {{ ref('int_cost__denominator') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

published_figures as (

    select * from {{ ref('published_figure') }}
    where mart = 'cost_per_person'

),

ledgers as (

    select distinct
        municipality_ags,
        fiscal_year
    from components

),

-- too few persons at the date of the rate, or at another of the year: the cost would be that of one or two of them
of_few_persons as (

    select
        ledgers.municipality_ags,
        ledgers.fiscal_year,
        'persons' as rule
    from ledgers
    cross join methods
    inner join denominators
        on methods.method = denominators.method
            and ledgers.municipality_ags = denominators.region_code
            and denominators.reason = 'confidential'
            and (
                extract(year from denominators.reference_date) = ledgers.fiscal_year
                or denominators.reference_date = {{ reference_date('methods.reference_date_rule', 'ledgers.fiscal_year') }}
            )

),

of_few_shared as (

    select
        municipality_ags,
        fiscal_year,
        'share' as rule
    from components
    where share_numerator < {{ var('minimum_cell_persons') }}

),

-- Nobody has counted yet whose cost it is: were it shown, a register of two that comes later would tell. What the
-- municipality published itself is no secret.
of_uncounted as (

    select
        components.municipality_ags,
        components.fiscal_year,
        'uncounted' as rule
    from components
    inner join methods
        on components.method = methods.method
    left join denominators
        on components.method = denominators.method
            and components.municipality_ags = denominators.region_code
            and denominators.population_source is not null
            and denominators.reference_date = {{ reference_date('methods.reference_date_rule', 'components.fiscal_year') }}
    left join published_figures
        on components.method = published_figures.method
            and components.municipality_ags = published_figures.region_code
            and components.fiscal_year = published_figures.reference_year
    where components.treatment = 'attributed'
        and denominators.region_code is null
        and published_figures.region_code is null

),

united as (

    select * from of_few_persons
    union all
    select * from of_few_shared
    union all
    select * from of_uncounted

),

final as (

    select
        municipality_ags,
        fiscal_year,
        -- first what is confidential whoever is counted later
        min(rule) as rule
    from united
    group by municipality_ags, fiscal_year

)

select * from final

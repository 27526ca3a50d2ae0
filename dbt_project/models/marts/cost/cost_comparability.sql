-- grain: one row per pair of cost figures (municipality, year and method, left before right) and dimension.
-- May two figures be compared? What is not known is a reason against it, as a difference is.
with

rates as (

    select * from {{ ref('int_cost__rate') }}

),

circumstances as (

    select * from {{ ref('municipal_circumstance') }}

),

dimensions as (

    select
        substring(reason from '^(.*)_differs$') as dimension,
        reason as differs_reason
    from {{ ref('reason') }}
    where scope = 'comparability'
        and reason like '%\_differs'

),

valued as (

    select
        rates.municipality_ags,
        rates.fiscal_year,
        rates.method,
        dimensions.dimension,
        dimensions.differs_reason,
        -- in part gross and in part net is as good as not known
        nullif(nullif(case
            when circumstances.value is not null then circumstances.value
            when dimensions.dimension = 'cost_basis' then rates.cost_basis
            when dimensions.dimension = 'method_version' then rates.method || ' ' || rates.method_version
            -- the last three digits of the key say it, unless the seed names an exception
            when dimensions.dimension = 'task_split' and right(rates.municipality_ags, 3) = '000' then 'town_of_its_own'
            when dimensions.dimension = 'task_split' then 'town_within_district'
        end, 'not_stated'), 'mixed') as circumstance
    from rates
    cross join dimensions
    left join circumstances
        on rates.municipality_ags = circumstances.municipality_ags
            and dimensions.dimension = circumstances.dimension
            and rates.fiscal_year between circumstances.valid_from_year and circumstances.valid_to_year

),

paired as (

    select
        lefts.municipality_ags as left_municipality_ags,
        lefts.fiscal_year as left_year,
        lefts.method as left_method,
        rights.municipality_ags as right_municipality_ags,
        rights.fiscal_year as right_year,
        rights.method as right_method,
        lefts.dimension,
        lefts.circumstance as left_value,
        rights.circumstance as right_value,
        case
            when lefts.circumstance is null or rights.circumstance is null then lefts.dimension || '_unknown'
            when lefts.circumstance <> rights.circumstance then lefts.differs_reason
        end as reason
    from valued as lefts
    inner join valued as rights
        on lefts.dimension = rights.dimension
            and (lefts.municipality_ags, lefts.fiscal_year, lefts.method)
            < (rights.municipality_ags, rights.fiscal_year, rights.method)

),

final as (

    select
        left_municipality_ags,
        left_year,
        left_method,
        right_municipality_ags,
        right_year,
        right_method,
        dimension,
        left_value,
        right_value,
        reason is null as is_same,
        reason,
        count(reason) over (
            partition by left_municipality_ags, left_year, left_method, right_municipality_ags, right_year, right_method
        ) = 0 as is_comparable
    from paired

)

select * from final

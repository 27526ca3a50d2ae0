-- grain: one row per region key that any delivery or the region seed names.
-- The seed's name wins; else the name of the register office, else that of a table.
with

regions as (

    select * from {{ ref('region') }}

),

nationalities as (

    select * from {{ ref('stg_azr_nrw__nationality') }}

),

employees as (

    select * from {{ ref('stg_employment__employees') }}

),

municipalities as (

    select * from {{ ref('stg_structure_tables__municipality') }}

),

values_by_region as (

    select * from {{ ref('stg_mikrozensus__value') }}

),

named as (

    select
        region_code,
        region_name,
        1 as preference
    from regions

    union all

    select
        region_code,
        min(region_name) as region_name,
        2 as preference
    from nationalities
    group by region_code

    union all

    select
        region_code,
        min(municipality_name) as region_name,
        3 as preference
    from municipalities
    group by region_code

    union all

    select
        region_code,
        min(region_name) as region_name,
        4 as preference
    from employees
    group by region_code

    union all

    select
        region_code,
        min(region_name) as region_name,
        5 as preference
    from values_by_region
    group by region_code

),

ranked as (

    select
        region_code,
        region_name,
        row_number() over (partition by region_code order by preference) as name_rank
    from named

),

final as (

    select
        region_code,
        -- the key says already that it is a town of its own
        case
            when length(region_code) = 8
                then regexp_replace(region_name, ', (krfr\. Stadt|kreisfreie Stadt|Stadtkreis)$', '')
            else region_name
        end as region_name,
        {{ region_level('region_code') }} as region_level
    from ranked
    where name_rank = 1

)

select * from final

-- grain: one row per city district, reference date and group of a register delivered with districts.
-- Counts are shown by their classes, or not at all (int_disclosure__district_cell).
with

cells as (

    select * from {{ ref('int_disclosure__district_cell') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

city_districts as (

    select * from {{ ref('city_district') }}

),

final as (

    select
        cells.region_code,
        coalesce(regions.region_name, cells.region_code) as region_name,
        {{ region_level('cells.region_code') }} as region_level,
        cells.region_code as source_region_code,
        cells.reference_date,
        cells.city_district,
        city_districts.city_district_name,
        cells.nationality,
        {{ group_name('cells.nationality') }} as nationality_name,
        cells.nationality_kind,
        cells.shown_persons as persons,
        cells.class_low_persons as persons_low,
        cells.class_high_persons as persons_high,
        cast(null as text) as value_sign,
        case when cells.shown_persons is null then 'confidential' end as reason,
        cells.evidence,
        'register' as source,
        cast(null as text) as table_code
    from cells
    left join regions
        on cells.region_code = regions.region_code
    left join city_districts
        on cells.region_code = city_districts.municipality_ags
            and cells.city_district = city_districts.city_district
            and extract(year from cells.reference_date)
            between city_districts.valid_from_year and coalesce(city_districts.valid_to_year, 9999)

)

select * from final

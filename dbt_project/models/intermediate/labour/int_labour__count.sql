-- grain: one row per delivered count of employees or of recipients of minimum income: source, table, place, day, indicator,
-- place basis, nationality or group, sex. The tables of GENESIS are not among them.
with

agency_counts as (

    select * from {{ ref('stg_ba_nationality__count') }}

),

group_counts as (

    select * from {{ ref('stg_employment__employees') }}

),

table_values as (

    select * from {{ ref('stg_ldb__value') }}

),

united as (

    select
        source,
        table_code,
        region_code,
        source_region_code,
        region_name,
        -- recipients are those of December
        coalesce(reference_date, make_date(reference_year, 12, 31)) as reference_date,
        measure as indicator,
        case when measure = 'employees' then 'workplace' else 'residence' end as place_basis,
        'TOTAL' as nationality,
        'all' as sex,
        unit,
        value,
        value_sign,
        rounded_to,
        rounded_terms,
        evidence,
        source_file_name,
        source_sha256,
        line_number
    from table_values
    where source in ('ldb_22811_01i', 'ldb_22811_05i')
        or (source = 'ldb_13111_54i' and measure = 'employees' and class_code = '')

    union all

    -- what has no code of a table has the source's id in its place
    select
        'ba_nationality' as source,
        'ba_nationality' as table_code,
        region_code,
        region_code as source_region_code,
        region_name,
        reference_date,
        indicator,
        place_basis,
        nationality,
        sex,
        'persons' as unit,
        persons as value,
        persons_sign as value_sign,
        null as rounded_to,
        null as rounded_terms,
        evidence,
        source_file_name,
        source_sha256,
        line_number
    from agency_counts

    union all

    select
        'employment' as source,
        'employment' as table_code,
        region_code,
        region_code as source_region_code,
        region_name,
        reference_date,
        'employees' as indicator,
        place_basis,
        nationality_group as nationality,
        'all' as sex,
        'persons' as unit,
        employees_persons as value,
        null as value_sign,
        null as rounded_to,
        null as rounded_terms,
        evidence,
        source_file_name,
        source_sha256,
        line_number
    from group_counts

),

final as (

    select
        source,
        table_code,
        region_code,
        source_region_code,
        region_name,
        reference_date,
        indicator,
        place_basis,
        nationality,
        sex,
        unit,
        value,
        value_sign,
        rounded_to,
        rounded_terms,
        evidence,
        source_file_name,
        source_sha256,
        line_number
    from united

)

select * from final

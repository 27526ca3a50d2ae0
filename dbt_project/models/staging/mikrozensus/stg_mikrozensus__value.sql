-- grain: one row per year, region, sense, population group, measured variable and unit.
with

delivered as (

    select * from {{ delivered('mikrozensus', 'value') }}

),

regions as (

    select * from {{ ref('region') }}

),

final as (

    select
        delivered.reference_year,
        -- DG and the house's 00 are the same Germany
        coalesce(regions.region_code, delivered.region_code) as region_code,
        delivered.region_code as source_region_code,
        delivered.region_name,
        -- an empty code is GENESIS's total
        coalesce(nullif(delivered.sense_code, ''), 'total') as sense_code,
        delivered.sense_name,
        coalesce(nullif(delivered.group_code, ''), 'total') as group_code,
        delivered.group_name,
        delivered.value,
        delivered.value_sign,
        delivered.value_unit,
        delivered.value_variable_code,
        delivered.value_variable_label,
        delivered.evidence,
        delivered.line_number,
        delivered.source_sha256,
        delivered.source_file_name
    from delivered
    left join regions
        on delivered.region_code = regions.delivered_as

)

select * from final

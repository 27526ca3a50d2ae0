-- grain: one row per year, region, sense, population group, measured variable and unit.
with

delivered as (

    select * from {{ delivered('mikrozensus', 'value') }}

),

regions as (

    select * from {{ ref('region') }}

),

keyed as (

    select
        delivered.*,
        -- DG and the house's 00 are the same Germany
        coalesce(regions.region_code, delivered.region_code) as own_region_code,
        -- an empty code is GENESIS's total
        coalesce(nullif(delivered.sense_code, ''), 'total') as own_sense_code,
        coalesce(nullif(delivered.group_code, ''), 'total') as own_group_code
    from delivered
    left join regions
        on delivered.region_code = regions.delivered_as

),

latest as (

    select *
    from
        {{ latest_period('keyed', [
            'reference_year', 'own_region_code', 'own_sense_code', 'own_group_code', 'value_variable_code', 'value_unit',
        ]) }}

),

final as (

    select
        reference_year,
        own_region_code as region_code,
        region_code as source_region_code,
        region_name,
        own_sense_code as sense_code,
        sense_name,
        own_group_code as group_code,
        group_name,
        value,
        value_sign,
        value_unit,
        value_variable_code,
        value_variable_label,
        evidence,
        line_number,
        source_sha256,
        source_file_name,
        group_variable_code,
        sense_basis,
        population_base,
        result_status
    from latest

)

select * from final

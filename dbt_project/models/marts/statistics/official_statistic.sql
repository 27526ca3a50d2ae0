-- grain: one row per table, time, place as delivered, attributes of the other variables, measure and unit.
-- Published values as they are: nothing is added up, and each level is its own row. Where two deliveries of a table hold
-- the same value (a year, and a series that ends with it), that of the later period counts.
with

delivered_values as (

    select * from {{ ref('stg_genesis__value') }}

),

roundings as (

    select * from {{ ref('statistic_rounding') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

units as (

    select * from {{ ref('statistic_unit') }}

),

hierarchy as (

    select * from {{ ref('genesis_hierarchy') }}

),

classified as (

    select
        delivered_values.*,
        attributes.classification,
        coalesce(attributes.classification_codes, '') as classification_codes,
        coalesce(attributes.is_total, true) as is_total
    from delivered_values
    cross join
        lateral (
            select
                string_agg(slot.variable_label || ': ' || slot.label, '; ' order by slot.number) as classification,
                string_agg(slot.variable_code || '=' || slot.code, ';' order by slot.number) as classification_codes,
                bool_and(slot.code = '' or coalesce(hierarchy.is_total, false)) as is_total
            from ({{ genesis_slots('delivered_values') }}) as slot (number, variable_code, variable_label, code, label)
            left join hierarchy
                on slot.variable_code = hierarchy.variable_code
                    and slot.code = hierarchy.code
            where slot.variable_code is not null
                and slot.number is distinct from delivered_values.region_slot
        ) as attributes

),

latest as (

    select *
    from
        {{ latest_period('classified', [
            'table_code', 'time_code', 'time_text', 'source_region_code', 'classification_codes',
            'value_variable_code', 'value_unit',
        ]) }}

),

final as (

    select
        latest.table_code,
        latest.statistics_code,
        latest.statistics_label,
        latest.time_code,
        latest.time_text,
        latest.reference_date,
        latest.reference_year,
        latest.region_code,
        coalesce(regions.region_name, latest.region_name) as region_name,
        {{ region_level('latest.region_code') }} as region_level,
        coalesce(latest.source_region_code, '') as source_region_code,
        latest.classification,
        latest.classification_codes,
        latest.is_total,
        latest.value_variable_code as measure_code,
        latest.value_variable_label as measure_label,
        trim_scale(latest.value * latest.unit_multiplier) as value,
        latest.value_sign,
        latest.value_quality as quality_flag,
        -- a bare number is no unit: it is taken into the value, which counts the things themselves
        case when latest.unit_multiplier = 1 then latest.value_unit else coalesce(counted.unit, 'number') end as unit,
        latest.unit_multiplier,
        latest.value as delivered_value,
        roundings.rounded_to,
        roundings.note_de,
        roundings.note_en,
        latest.evidence,
        latest.source_file_name,
        latest.source_sha256,
        latest.line_number,
        latest.value_unit as delivered_unit
    from latest
    left join regions
        on latest.region_code = regions.region_code
    left join roundings
        on latest.statistics_code = roundings.statistics_code
            and latest.reference_year >= roundings.first_year
    left join
        lateral (
            select units.unit
            from units
            where left(latest.value_variable_code, length(units.measure_code_prefix)) = units.measure_code_prefix
            order by length(units.measure_code_prefix) desc
            limit 1
        ) as counted
        on true

)

select * from final

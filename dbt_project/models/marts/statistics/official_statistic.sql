-- grain: one row per table, time, place as delivered, attributes of the other variables, measure and unit.
-- Published values as they are: nothing is added up, and each level is its own row. Where two deliveries of a table hold
-- the same time (a year, and a series that ends with it), the one that came last counts.
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

latest as (

    select
        table_code,
        time_code,
        time_text,
        max(delivery_id) as delivery_id
    from delivered_values
    group by table_code, time_code, time_text

),

classified as (

    select
        delivered_values.*,
        attributes.classification,
        coalesce(attributes.classification_codes, '') as classification_codes,
        coalesce(attributes.is_total, true) as is_total
    from delivered_values
    inner join latest
        on delivered_values.table_code = latest.table_code
            and delivered_values.time_code = latest.time_code
            and delivered_values.time_text = latest.time_text
            and delivered_values.delivery_id = latest.delivery_id
    cross join
        lateral (
            select
                string_agg(slot.variable_label || ': ' || slot.label, '; ' order by slot.number) as classification,
                string_agg(slot.variable_code || '=' || slot.code, ';' order by slot.number) as classification_codes,
                bool_and(slot.code = '') as is_total
            from ({{ genesis_slots('delivered_values') }}) as slot (number, variable_code, variable_label, code, label)
            where slot.variable_code is not null
                and slot.number is distinct from delivered_values.region_slot
        ) as attributes

),

final as (

    select
        classified.table_code,
        classified.statistics_code,
        classified.statistics_label,
        classified.time_code,
        classified.time_text,
        classified.reference_date,
        classified.reference_year,
        classified.region_code,
        coalesce(regions.region_name, classified.region_name) as region_name,
        {{ region_level('classified.region_code') }} as region_level,
        coalesce(classified.source_region_code, '') as source_region_code,
        classified.classification,
        classified.classification_codes,
        classified.is_total,
        classified.value_variable_code as measure_code,
        classified.value_variable_label as measure_label,
        trim_scale(classified.value * classified.unit_multiplier) as value,
        classified.value_sign,
        classified.value_quality as quality_flag,
        -- a bare number is no unit: it is taken into the value, which counts the things themselves
        case when classified.unit_multiplier = 1 then classified.value_unit else coalesce(counted.unit, 'number') end as unit,
        classified.unit_multiplier,
        classified.value as delivered_value,
        roundings.rounded_to,
        roundings.note_de,
        roundings.note_en,
        classified.evidence,
        classified.source_file_name,
        classified.source_sha256,
        classified.line_number,
        classified.value_unit as delivered_unit
    from classified
    left join regions
        on classified.region_code = regions.region_code
    left join roundings
        on classified.statistics_code = roundings.statistics_code
            and classified.reference_year >= roundings.first_year
    left join
        lateral (
            select units.unit
            from units
            where left(classified.value_variable_code, length(units.measure_code_prefix)) = units.measure_code_prefix
            order by length(units.measure_code_prefix) desc
            limit 1
        ) as counted
        on true

)

select * from final

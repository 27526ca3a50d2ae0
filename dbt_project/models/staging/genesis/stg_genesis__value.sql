-- grain: one row per delivered value: delivery, time, place, attribute of each variable, measure and unit.
-- The place is the first slot whose variable is one of places; which slot that is may change from row to row.
with

delivered as (

    select * from {{ delivered('genesis', 'value') }}

),

region_variables as (

    select * from {{ ref('genesis_region_variable') }}

),

regions as (

    select * from {{ ref('region') }}

),

final as (

    select
        -- the contract's file names begin with the table, whose code has no underscore
        split_part(delivered.source_file_name, '_', 1) as table_code,
        delivered.statistics_code,
        delivered.statistics_label,
        delivered.time_code,
        delivered.time_label,
        delivered.time_text,
        case
            when delivered.time_text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then cast(delivered.time_text as date)
        end as reference_date,
        cast(left(delivered.time_text, 4) as integer) as reference_year,
        -- DG and the house's 00 are the same Germany
        coalesce(regions.region_code, {{ region_key('place.code', 'place.label') }}) as region_code,
        place.code as source_region_code,
        place.label as region_name,
        place.number as region_slot,
        delivered.slot_1_variable_code,
        delivered.slot_1_variable_label,
        delivered.slot_1_code,
        delivered.slot_1_label,
        delivered.slot_2_variable_code,
        delivered.slot_2_variable_label,
        delivered.slot_2_code,
        delivered.slot_2_label,
        delivered.slot_3_variable_code,
        delivered.slot_3_variable_label,
        delivered.slot_3_code,
        delivered.slot_3_label,
        delivered.slot_4_variable_code,
        delivered.slot_4_variable_label,
        delivered.slot_4_code,
        delivered.slot_4_label,
        delivered.slot_5_variable_code,
        delivered.slot_5_variable_label,
        delivered.slot_5_code,
        delivered.slot_5_label,
        delivered.slot_6_variable_code,
        delivered.slot_6_variable_label,
        delivered.slot_6_code,
        delivered.slot_6_label,
        delivered.value,
        delivered.value_sign,
        delivered.value_unit,
        case
            when delivered.value_unit ~ '^1(000)+$' then cast(delivered.value_unit as numeric)
            else 1
        end as unit_multiplier,
        delivered.value_variable_code,
        delivered.value_variable_label,
        nullif(delivered.value_quality, '') as value_quality,
        delivered.evidence,
        delivered.delivery_id,
        delivered.period_order,
        delivered.line_number,
        delivered.source_sha256,
        delivered.source_file_name
    from delivered
    left join
        lateral (
            select
                slot.number,
                slot.code,
                slot.label
            from ({{ genesis_slots('delivered') }}) as slot (number, variable_code, variable_label, code, label)
            where slot.variable_code in (select variable_code from region_variables)
            order by slot.number
            limit 1
        ) as place
        on true
    left join regions
        on place.code = regions.delivered_as

)

select * from final

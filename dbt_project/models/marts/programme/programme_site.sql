-- grain: one row per programme, region, printed period and kind of thing that is counted of it.
-- A row is one delivered line: things are counted, never persons, and nothing is added up over programmes or periods.
with

delivered_values as (

    select * from {{ ref('stg_programme_result__value') }}

),

kinds as (

    select * from {{ ref('programme_count') }}

),

precisions as (

    select * from {{ ref('print_precision') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

final as (

    select
        delivered_values.programme_id,
        delivered_values.region_code,
        delivered_values.period_printed,
        kinds.indicator as count_kind,
        delivered_values.programme,
        delivered_values.funding_level,
        coalesce(regions.region_name, delivered_values.region_code) as region_name,
        {{ region_level('delivered_values.region_code') }} as region_level,
        delivered_values.value as counted,
        round({{ lower_end('delivered_values.value', 'precisions') }}, 2) as counted_low,
        round({{ upper_end('delivered_values.value', 'precisions') }}, 2) as counted_high,
        round({{ lower_end('delivered_values.value', 'precisions', 'wide') }}, 2) as counted_wide_low,
        round({{ upper_end('delivered_values.value', 'precisions', 'wide') }}, 2) as counted_wide_high,
        kinds.unit,
        delivered_values.value_printed,
        delivered_values.qualifier,
        delivered_values.source_document,
        delivered_values.passage,
        delivered_values.remark,
        delivered_values.evidence,
        delivered_values.source_file_name,
        delivered_values.source_sha256,
        delivered_values.line_number
    from delivered_values
    inner join kinds
        on delivered_values.indicator = kinds.indicator
    left join precisions
        on delivered_values.qualifier = precisions.qualifier
    left join regions
        on delivered_values.region_code = regions.region_code

)

select * from final

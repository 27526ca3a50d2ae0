-- grain: one row per indicator, region and year; of several deliveries that hold it, of the latest period.
with

delivered as (

    select * from {{ delivered('wegweiser', 'indicator') }}

),

final as (

    select
        delivered.delivery_id,
        delivered.indicator_code,
        delivered.indicator_name,
        delivered.unit,
        delivered.source_name,
        delivered.reference_year,
        -- of the 12 digits the middle four name the association of municipalities, which an AGS lacks
        case
            when rpad(delivered.region_ars, 12, '0') like '__0000000000' then left(delivered.region_ars, 2)
            else left(delivered.region_ars, 5) || substr(rpad(delivered.region_ars, 12, '0'), 10, 3)
        end as region_code,
        delivered.region_ars as source_region_code,
        delivered.region_name,
        delivered.value,
        delivered.remark,
        delivered.evidence,
        delivered.line_number,
        delivered.source_sha256,
        delivered.source_file_name
    from {{ latest_period('delivered', ['indicator_name', 'region_name', 'reference_year']) }} as delivered

)

select * from final

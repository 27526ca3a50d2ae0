-- grain: one row per programme, region, printed period and indicator.
with

delivered as (

    select * from {{ delivered('programme_result', 'value') }}

),

final as (

    select
        programme_id,
        programme,
        funding_level,
        region_code,
        period_printed,
        indicator,
        value_printed,
        value,
        qualifier,
        source_document,
        passage,
        remark,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', ['programme_id', 'region_code', 'period_printed', 'indicator']) }}

)

select * from final

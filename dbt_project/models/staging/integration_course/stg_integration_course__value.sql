-- grain: one row per region, year, month and indicator.
with

delivered as (

    select * from {{ delivered('integration_course', 'value') }}

),

final as (

    select
        region_code,
        stated_year,
        period_printed,
        coalesce(nullif(reference_month, ''), 'not_stated') as reference_month,
        indicator,
        value_printed,
        value,
        qualifier,
        nullif(definition, '') as definition,
        source_document,
        passage,
        nullif(remark, '') as remark,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from delivered

)

select * from final

-- grain: one row per region, year, month and indicator.
with

delivered as (

    select * from {{ delivered('integration_course', 'value') }}

),

keyed as (

    select
        delivered.*,
        coalesce(nullif(reference_month, ''), 'not_stated') as own_reference_month
    from delivered

),

final as (

    select
        region_code,
        stated_year,
        period_printed,
        own_reference_month as reference_month,
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
    from {{ latest_period('keyed', ['region_code', 'stated_year', 'own_reference_month', 'indicator']) }}

)

select * from final

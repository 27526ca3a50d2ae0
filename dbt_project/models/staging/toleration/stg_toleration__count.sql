-- grain: one row per region, year, day, sex and class of years in toleration.
with

delivered as (

    select * from {{ delivered('toleration', 'count') }}

),

keyed as (

    select
        delivered.*,
        coalesce(nullif(reference_day, ''), 'not_stated') as own_reference_day
    from delivered

),

final as (

    select
        region_code,
        stated_year,
        own_reference_day as reference_day,
        cast(nullif(reference_day, '') as date) as reference_date,
        sex,
        years_printed,
        case
            when years_printed = 'insgesamt' then 'all'
            else replace(replace(years_printed, ' und mehr', '+'), ' bis unter ', '-<')
        end as years_class,
        cast(substring(years_printed from '^[0-9]+') as integer) as years_from,
        cast(substring(years_printed from 'unter ([0-9]+)$') as integer) as years_below,
        value_printed,
        value as persons,
        value_sign,
        qualifier,
        source_document,
        passage,
        nullif(remark, '') as remark,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('keyed', ['region_code', 'stated_year', 'own_reference_day', 'sex', 'years_printed']) }}

)

select * from final

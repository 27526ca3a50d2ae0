-- grain: one row per place, year, day, class of years in toleration and sex; an absent cell is a row without persons.
-- Years in toleration, not of stay. Statistics 12531 counts protection seekers, so its tolerated are never read here.
with

counts as (

    select * from {{ ref('stg_toleration__count') }}

),

precisions as (

    select * from {{ ref('print_precision') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

{{ toleration_cells('counts', 'precisions') }},

shared as (

    select
        cells.*,
        wholes.persons as whole_persons,
        {{ toleration_share('cells.persons', 'wholes.persons') }} as share_pct,
        {{ toleration_share('cells.low', 'wholes.high') }} as share_low_pct,
        {{ toleration_share('cells.high', 'wholes.low') }} as share_high_pct,
        {{ toleration_share('cells.wide_low', 'wholes.wide_high') }} as share_wide_low_pct,
        {{ toleration_share('cells.wide_high', 'wholes.wide_low') }} as share_wide_high_pct,
        case
            when cells.reason is not null then cells.reason
            when cells.years_class = 'all' then 'is_the_whole'
            when coalesce(wholes.persons, 0) = 0 then 'whole_not_delivered'
        end as share_reason,
        case
            when wholes.persons > 0 then {{ weakest_evidence(['cells.evidence', 'wholes.evidence', "'derived'"]) }}
        end as own_share_evidence
    from cells
    left join cells as wholes
        on cells.region_code = wholes.region_code
            and cells.stated_year = wholes.stated_year
            and cells.reference_day = wholes.reference_day
            and cells.sex = wholes.sex
            and cells.years_class <> 'all'
            and wholes.years_class = 'all'

),

final as (

    select
        shared.region_code,
        coalesce(regions.region_name, shared.region_code) as region_name,
        {{ region_level('shared.region_code') }} as region_level,
        shared.region_code as source_region_code,
        shared.stated_year as reference_year,
        shared.reference_day,
        shared.reference_date,
        shared.years_class,
        shared.years_from,
        shared.years_below,
        shared.sex,
        cast(shared.persons as bigint) as persons,
        round(shared.low, 2) as persons_low,
        round(shared.high, 2) as persons_high,
        round(shared.wide_low, 2) as persons_wide_low,
        round(shared.wide_high, 2) as persons_wide_high,
        shared.value_sign,
        shared.reason,
        cast(shared.whole_persons as bigint) as whole_persons,
        shared.share_pct,
        shared.share_low_pct,
        shared.share_high_pct,
        shared.share_wide_low_pct,
        shared.share_wide_high_pct,
        shared.share_reason,
        shared.value_printed,
        shared.source_document,
        shared.remark,
        shared.evidence,
        case when shared.share_pct is not null then shared.own_share_evidence end as share_evidence,
        'toleration' as source,
        shared.source_file_name,
        shared.source_sha256,
        shared.line_number
    from shared
    left join regions
        on shared.region_code = regions.region_code

)

select * from final

-- grain: one row per place, reference date, nationality (or group, continent, all), sex, source and table.
-- Each level from its own row, never summed from districts. A group is the sum of its countries, with their rounding.
with

nationalities as (

    select * from {{ ref('stg_azr_nrw__nationality') }}

),

statistics as (

    select * from {{ ref('official_statistic') }}

),

series_years as (

    select * from {{ ref('stg_eu2_series__year') }}

),

populations as (

    select * from {{ ref('eu2_population') }}

),

roundings as (

    select * from {{ ref('statistic_rounding') }}

),

nationality_keys as (

    select * from {{ ref('nationality') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

places as (

    select * from {{ ref('place') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

{{ counted_foreigners() }},

{{ grouped_foreigners('foreigners_counted') }},

inhabitants as (

    -- a place and day may stand in several tables: the first by its code
    select distinct on (region_code, reference_date, sex) *
    from (
        select
            region_code,
            reference_date,
            {{ sex_of_codes('classification_codes') }} as sex,
            cast(value as bigint) as persons,
            table_code,
            evidence,
            source_sha256,
            line_number
        from statistics
        where statistics_code = '12411'
            and measure_code = 'BEVSTD'
            and value > 0
            and {{ genesis_is_by('classification_codes', 'GES') }}
    ) as by_table
    order by region_code asc, reference_date asc, sex asc, table_code asc, line_number asc

),

shared as (

    select
        foreigners.*,
        inhabitants.persons as inhabitants_persons,
        inhabitants.table_code as inhabitants_table_code,
        inhabitants.source_sha256 as inhabitants_sha256,
        inhabitants.line_number as inhabitants_line_number,
        inhabitants.evidence as inhabitants_evidence
    from foreigners_grouped as foreigners
    left join inhabitants
        on foreigners.region_code = inhabitants.region_code
            and foreigners.reference_date = inhabitants.reference_date
            and foreigners.sex = inhabitants.sex

),

final as (

    select
        shared.region_code,
        coalesce(regions.region_name, shared.region_code) as region_name,
        {{ region_level('shared.region_code') }} as region_level,
        shared.source_region_code,
        shared.reference_date,
        shared.nationality,
        shared.nationality_name,
        shared.nationality_kind,
        shared.is_in_key,
        shared.sex,
        shared.persons,
        shared.persons_low,
        shared.persons_high,
        shared.value_sign,
        shared.reason,
        shared.inhabitants_persons,
        shared.inhabitants_table_code,
        shared.inhabitants_sha256,
        shared.inhabitants_line_number,
        round({{ percentage('shared.persons', 'shared.inhabitants_persons') }}, 2) as per_100_inhabitants,
        round({{ percentage('shared.persons_low', 'shared.inhabitants_persons') }}, 2) as per_100_inhabitants_low,
        round({{ percentage('shared.persons_high', 'shared.inhabitants_persons') }}, 2) as per_100_inhabitants_high,
        case
            when shared.reason is not null then shared.reason
            when shared.inhabitants_persons is null then 'inhabitants_of_that_date_missing'
        end as per_100_reason,
        shared.evidence,
        case
            when shared.persons is not null and shared.inhabitants_persons is not null
                then {{ weakest_evidence(['shared.evidence', 'shared.inhabitants_evidence', "'derived'"]) }}
        end as per_100_evidence,
        shared.source,
        shared.table_code,
        shared.source_file_name,
        shared.source_sha256,
        shared.line_number
    from shared
    left join regions
        on shared.region_code = regions.region_code

)

select * from final

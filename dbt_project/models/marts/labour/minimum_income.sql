-- grain: one row per delivered count or rate of minimum income: source, table, place as delivered, day, benefit, nationality, sex.
-- A printed rate is a row of its own: it is compared with the recomputed one of the same year, and never stands for it.
with

delivered_counts as (

    select * from {{ ref('int_labour__count') }}

),

measures as (

    select * from {{ ref('ldb_measure') }}

),

nationalities as (

    select * from {{ ref('nationality') }}

),

nationality_groups as (

    select distinct nationality_group from {{ ref('nationality_group') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

places as (

    select * from {{ ref('place') }}

),

inhabitants as (

    {{ inhabitants() }}

),

benefits as (

    select distinct
        measure as benefit,
        label_de,
        label_en
    from measures
    where source in ('ldb_22811_05i', 'ba_nationality')

),

counted as (

    select
        delivered_counts.*,
        extract(year from reference_date) as counted_in,
        case when unit = 'persons' then value end as persons,
        case when unit = 'percent' then value end as published_rate_pct,
        rounded_terms * {{ rounding_off('rounded_to') }} as off_by
    from delivered_counts
    where indicator <> 'employees'

),

with_inhabitants as (

    select
        counted.*,
        case when counted.off_by > 0 and counted.persons >= 0 then greatest(counted.persons - counted.off_by, 0) end
            as persons_low,
        case when counted.off_by > 0 then counted.persons + counted.off_by end as persons_high,
        inhabitants.persons as inhabitants_persons,
        inhabitants.persons - inhabitants.off_by as inhabitants_low,
        inhabitants.persons + inhabitants.off_by as inhabitants_high,
        inhabitants.reference_date as inhabitants_date,
        inhabitants.source as inhabitants_source,
        inhabitants.table_code as inhabitants_table_code,
        inhabitants.source_sha256 as inhabitants_source_sha256,
        inhabitants.line_number as inhabitants_line_number,
        inhabitants.evidence as inhabitants_evidence
    from counted
    left join inhabitants
        on counted.unit = 'persons'
            and counted.region_code = inhabitants.region_code
            and counted.reference_date = inhabitants.reference_date
            and counted.nationality = inhabitants.nationality
            and counted.sex = inhabitants.sex

),

rated as (

    select
        *,
        {{ per_100('persons', 'inhabitants_persons') }} as per_100_inhabitants,
        {{ per_100('coalesce(persons_low, persons)', 'inhabitants_high') }} as per_100_inhabitants_low,
        {{ per_100('coalesce(persons_high, persons)', 'inhabitants_low') }} as per_100_inhabitants_high
    from with_inhabitants

),

final as (

    select
        rated.source,
        rated.table_code,
        rated.region_code,
        coalesce(places.region_name, regions.region_name, rated.region_name) as region_name,
        -- persons whose residence is outside of the state stand under a key of no place
        case when rated.region_code not like '__99999%' then {{ region_level('rated.region_code') }} end as region_level,
        rated.source_region_code,
        rated.reference_date,
        cast(rated.counted_in as integer) as reference_year,
        rated.indicator as benefit,
        benefits.label_de as benefit_name_de,
        benefits.label_en as benefit_name_en,
        rated.nationality,
        {{ nationality_name('rated.nationality', 'nationalities.nationality_name') }} as nationality_name,
        {{ nationality_kind('rated.nationality', 'nationalities.nationality_kind', 'nationality_groups.nationality_group') }}
            as nationality_kind,
        rated.sex,
        cast(rated.persons as bigint) as persons,
        cast(rated.persons_low as bigint) as persons_low,
        cast(rated.persons_high as bigint) as persons_high,
        rated.value_sign,
        coalesce({{ sign_reason('rated.value_sign') }}, case when rated.unit = 'percent' then 'rate_without_count' end) as reason,
        cast(rated.inhabitants_persons as bigint) as inhabitants_persons,
        rated.inhabitants_date,
        rated.inhabitants_source,
        rated.inhabitants_source_sha256,
        rated.inhabitants_line_number,
        rated.inhabitants_evidence,
        rated.per_100_inhabitants,
        rated.per_100_inhabitants_low,
        rated.per_100_inhabitants_high,
        case
            when rated.unit = 'percent' then 'rate_without_count'
            when rated.persons is null then {{ sign_reason('rated.value_sign') }}
            when rated.inhabitants_persons is null then 'inhabitants_of_that_date_missing'
        end as rate_reason,
        rated.published_rate_pct,
        recomputed.per_100_inhabitants as recomputed_rate_pct,
        case
            when rated.published_rate_pct is not null and recomputed.per_100_inhabitants is null then 'no_count_of_that_year'
        end as recomputed_reason,
        case
            when rated.published_rate_pct is not null
                then {{ verdict('recomputed.per_100_inhabitants_low', 'recomputed.per_100_inhabitants_high',
                    'rated.published_rate_pct', '0.05', 'recomputed.evidence') }}
        end as rate_verdict,
        rated.evidence,
        {{ weakest_evidence(["'derived'", 'rated.evidence', 'rated.inhabitants_evidence']) }} as rate_evidence,
        rated.source_file_name,
        rated.source_sha256,
        rated.line_number,
        rated.inhabitants_table_code,
        case
            when recomputed.per_100_inhabitants is not null
                then {{ weakest_evidence(["'derived'", 'recomputed.evidence', 'recomputed.inhabitants_evidence']) }}
        end as recomputed_evidence
    from rated
    left join rated as recomputed
        on rated.unit = 'percent'
            and recomputed.source = 'ldb_22811_05i'
            and rated.region_code = recomputed.region_code
            and rated.reference_date = recomputed.reference_date
            and rated.indicator = recomputed.indicator
    left join benefits on rated.indicator = benefits.benefit
    left join regions on rated.region_code = regions.region_code
    left join places on rated.region_code = places.region_code
    left join nationalities on rated.nationality = nationalities.nationality_code
    left join nationality_groups on rated.nationality = nationality_groups.nationality_group

)

select * from final

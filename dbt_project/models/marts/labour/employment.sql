-- grain: one row per delivered count of employees: source, table, place as delivered, day, place basis, nationality or group, sex.
-- Residence and workplace are two facts. What is not published has a reason and is never 0; levels are not added up.
with

official_values as (

    select * from {{ ref('official_statistic') }}

),

delivered_counts as (

    select * from {{ ref('int_labour__count') }}

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

counted as (

    select
        'genesis' as source,
        official_values.table_code,
        official_values.region_code,
        official_values.source_region_code,
        official_values.region_name,
        official_values.reference_date,
        case
            when official_values.measure_label like '%(Wohnort)%' then 'residence'
            when official_values.measure_label like '%(Arbeitsort)%' then 'workplace'
            else 'not_stated'
        end as place_basis,
        attributes.nationality,
        attributes.sex,
        official_values.value as persons,
        official_values.value_sign,
        official_values.evidence,
        official_values.source_file_name,
        official_values.source_sha256,
        official_values.line_number
    from official_values
    cross join lateral {{ plain_attributes('official_values.classification_codes') }}
    where official_values.statistics_code = '13111'
        and official_values.measure_label like 'Sozialversicherungspfl%Beschäftigte%'
        and official_values.reference_date is not null
        and attributes.is_plain

    union all

    select
        source,
        table_code,
        region_code,
        source_region_code,
        region_name,
        reference_date,
        place_basis,
        nationality,
        sex,
        value as persons,
        value_sign,
        evidence,
        source_file_name,
        source_sha256,
        line_number
    from delivered_counts
    where indicator = 'employees'

),

with_denominators as (

    select
        counted.*,
        totals.persons as total_persons,
        near.persons as inhabitants_persons,
        near.reference_date as inhabitants_date,
        near.off_by as inhabitants_off_by,
        near.table_code as inhabitants_table_code,
        near.source as inhabitants_source,
        near.source_sha256 as inhabitants_source_sha256,
        near.line_number as inhabitants_line_number,
        near.evidence as inhabitants_evidence,
        {{ sign_reason('counted.value_sign') }} as reason
    from counted
    left join counted as totals
        on counted.source = totals.source
            and counted.table_code = totals.table_code
            and counted.source_region_code = totals.source_region_code
            and counted.reference_date = totals.reference_date
            and counted.place_basis = totals.place_basis
            and counted.sex = totals.sex
            and totals.nationality = 'TOTAL'
    left join lateral (
        select *
        from inhabitants
        where inhabitants.region_code = counted.region_code
            and inhabitants.nationality = counted.nationality
            and inhabitants.sex = counted.sex
            and inhabitants.reference_date between counted.reference_date - interval '6 months'
            and counted.reference_date + interval '6 months'
        order by abs(inhabitants.reference_date - counted.reference_date), inhabitants.reference_date
        limit 1
    ) as near on counted.place_basis = 'residence'

),

final as (

    select
        counts.source,
        counts.table_code,
        counts.region_code,
        coalesce(places.region_name, regions.region_name, counts.region_name) as region_name,
        {{ region_level('counts.region_code') }} as region_level,
        counts.source_region_code,
        counts.reference_date,
        cast(extract(year from counts.reference_date) as integer) as reference_year,
        counts.place_basis,
        counts.nationality,
        {{ nationality_name('counts.nationality', 'nationalities.nationality_name') }} as nationality_name,
        {{ nationality_kind('counts.nationality', 'nationalities.nationality_kind', 'nationality_groups.nationality_group') }}
            as nationality_kind,
        counts.sex,
        cast(counts.persons as bigint) as persons,
        cast(null as bigint) as persons_low,
        cast(null as bigint) as persons_high,
        counts.value_sign,
        counts.reason,
        cast(counts.total_persons as bigint) as total_persons,
        {{ per_100('counts.persons', 'counts.total_persons') }} as share_of_employees_pct,
        case
            when counts.persons is null then counts.reason
            when coalesce(counts.total_persons, 0) = 0 then 'total_missing'
        end as share_reason,
        cast(counts.inhabitants_persons as bigint) as inhabitants_persons,
        counts.inhabitants_date,
        counts.inhabitants_source,
        counts.inhabitants_source_sha256,
        counts.inhabitants_line_number,
        counts.inhabitants_evidence,
        {{ per_100('counts.persons', 'counts.inhabitants_persons') }} as per_100_inhabitants,
        {{ per_100('counts.persons', 'counts.inhabitants_persons + counts.inhabitants_off_by') }}
            as per_100_inhabitants_low,
        {{ per_100('counts.persons', 'counts.inhabitants_persons - counts.inhabitants_off_by') }}
            as per_100_inhabitants_high,
        case
            when counts.persons is null then counts.reason
            when counts.place_basis = 'workplace' then 'employees_by_workplace'
            when counts.place_basis = 'not_stated' then 'place_basis_not_stated'
            when counts.inhabitants_persons is null then 'inhabitants_within_six_months_missing'
        end as rate_reason,
        counts.evidence,
        {{ weakest_evidence(["'derived'", 'counts.evidence', 'counts.inhabitants_evidence']) }} as rate_evidence,
        counts.source_file_name,
        counts.source_sha256,
        counts.line_number,
        counts.inhabitants_table_code,
        case
            when num_nulls(counts.persons, counts.total_persons) = 0
                then {{ weakest_evidence(["'derived'", 'counts.evidence']) }}
        end as share_evidence
    from with_denominators as counts
    left join regions on counts.region_code = regions.region_code
    left join places on counts.region_code = places.region_code
    left join nationalities on counts.nationality = nationalities.nationality_code
    left join nationality_groups on counts.nationality = nationality_groups.nationality_group

)

select * from final

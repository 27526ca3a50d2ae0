-- grain: one row per municipality, reference date and group of a register delivered with districts. Not masked: for the
-- statistics office. Computed from exact counts; from rounded ones it would be another figure.
with

districts as (

    select *
    from {{ ref('int_city_district__counted') }}
    where city_district <> ''

),

undistricted as (

    select *
    from {{ ref('int_city_district__counted') }}
    where city_district = ''

),

regions as (

    select * from {{ ref('int_region__named') }}

),

totals as (

    select
        districts.*,
        sum(persons) over city as group_persons,
        sum(population_persons) over city as city_persons
    from districts
    window city as (partition by region_code, reference_date, nationality)

),

measured as (

    select
        region_code,
        reference_date,
        nationality,
        nationality_kind,
        evidence,
        source_sha256,
        count(*) as districts,
        group_persons,
        city_persons,
        sum(
            abs(
                persons / nullif(group_persons, 0)
                - (population_persons - persons) / nullif(city_persons - group_persons, 0)
            )
        ) / 2 as dissimilarity,
        -- what chance alone would give a group of this size, were its members spread as everybody is
        sum(
            sqrt(2 / cast(pi() as numeric))
            * sqrt(
                population_persons * (city_persons - population_persons)
                / nullif(group_persons * (city_persons - group_persons) * (city_persons - 1), 0)
            )
        ) / 2 as expected_dissimilarity
    from totals
    group by
        region_code, reference_date, nationality, nationality_kind, evidence, source_sha256, group_persons, city_persons

),

reasoned as (

    select
        measured.*,
        (dissimilarity - expected_dissimilarity) / nullif(1 - expected_dissimilarity, 0) as adjusted_dissimilarity,
        case
            when districts < 2 then 'one_district'
            -- fewer than the minimum a district: where they live is chance, and the figure would tell of single persons
            when group_persons < {{ var('minimum_cell_persons') }} * districts then 'confidential'
            when group_persons = city_persons then 'no_rest'
            when expected_dissimilarity >= 1 then 'confidential'
        end as reason
    from measured

),

final as (

    select
        reasoned.region_code,
        coalesce(regions.region_name, reasoned.region_code) as region_name,
        {{ region_level('reasoned.region_code') }} as region_level,
        reasoned.region_code as source_region_code,
        reasoned.reference_date,
        reasoned.nationality,
        {{ group_name('reasoned.nationality') }} as nationality_name,
        reasoned.nationality_kind,
        reasoned.districts,
        cast(reasoned.group_persons as bigint) as persons,
        cast(reasoned.city_persons as bigint) as population_persons,
        coalesce(undistricted.persons, 0) as without_district_persons,
        case when reasoned.reason is null then round(reasoned.dissimilarity, 4) end as dissimilarity,
        case when reasoned.reason is null then round(reasoned.expected_dissimilarity, 4) end as expected_dissimilarity,
        case when reasoned.reason is null then round(reasoned.adjusted_dissimilarity, 4) end as adjusted_dissimilarity,
        reasoned.reason,
        reasoned.evidence,
        'register' as source,
        reasoned.source_sha256
    from reasoned
    left join regions
        on reasoned.region_code = regions.region_code
    left join undistricted
        on reasoned.region_code = undistricted.region_code
            and reasoned.reference_date = undistricted.reference_date
            and reasoned.nationality = undistricted.nationality

)

select * from final

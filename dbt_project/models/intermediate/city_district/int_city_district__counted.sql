-- grain: one row per municipality, reference date, city district and group of a register delivered with districts.
-- Counts persons who on that date reside there with their main residence; not masked. Groups: all foreign persons, and
-- those of nationality_group. An empty district holds who has none stated.
with

persons as (

    select * from {{ ref('stg_register__person') }}

),

exports as (

    -- evidence is that of all rows, so that it does not tell whether a group has any
    select
        persons.region_code,
        persons.reference_date,
        max(evidence_classes.evidence_class_rank) as evidence_rank,
        min(persons.source_sha256) as source_sha256
    from persons
    inner join {{ ref('evidence_class') }} as evidence_classes
        on persons.evidence = evidence_classes.evidence_class
    group by persons.region_code, persons.reference_date
    having count(persons.city_district) > 0

),

counted as (

    -- a register holds a person once
    select
        region_code,
        reference_date,
        coalesce(city_district, '') as city_district,
        nationality_code,
        cast(count(*) as integer) as persons
    from persons
    where {{ is_resident() }}
    group by region_code, reference_date, coalesce(city_district, ''), nationality_code

),

groups as (

    select
        nationality_group as nationality,
        'group' as nationality_kind,
        array_agg(nationality_code) as nationality_codes
    from {{ ref('nationality_group') }}
    group by nationality_group

    union all

    -- 999 is none stated: nobody knows whether they are foreign
    select
        'ALL' as nationality,
        'all' as nationality_kind,
        array_agg(distinct nationality_code) as nationality_codes
    from counted
    where nationality_code not in ('000', '999')

),

final as (

    select
        counted.region_code,
        counted.reference_date,
        counted.city_district,
        groups.nationality,
        groups.nationality_kind,
        coalesce(sum(counted.persons) filter (where counted.nationality_code = any(groups.nationality_codes)), 0)
            as persons,
        sum(counted.persons) as population_persons,
        {{ evidence_of_rank('exports.evidence_rank') }} as evidence,
        exports.source_sha256
    from counted
    inner join exports
        on counted.region_code = exports.region_code
            and counted.reference_date = exports.reference_date
    cross join groups
    group by
        counted.region_code, counted.reference_date, counted.city_district, groups.nationality, groups.nationality_kind,
        exports.evidence_rank, exports.source_sha256

)

select * from final

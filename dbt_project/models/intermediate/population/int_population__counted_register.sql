-- grain: one row per municipality and reference date of a delivered population register.
-- Counts persons who on that date reside there with their main residence; not masked.
with

persons as (

    select * from {{ ref('stg_register__person') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

exports as (

    -- an export without any person of the group still says that there are none; its evidence is that of all its rows, so
    -- that it does not tell whether the group has any
    select
        persons.region_code,
        persons.reference_date,
        max(evidence_classes.evidence_class_rank) as evidence_rank
    from persons
    inner join evidence_classes
        on persons.evidence = evidence_classes.evidence_class
    group by persons.region_code, persons.reference_date

),

residing as (

    select
        persons.region_code,
        persons.reference_date,
        persons.person_pseudonym,
        nationality_groups.country
    from persons
    inner join nationality_groups
        on persons.nationality_code = nationality_groups.nationality_code
            and nationality_groups.nationality_group = 'EU2'
    where persons.residence_type = 'main'
        and persons.moved_in_on <= persons.reference_date
        and (persons.moved_out_on is null or persons.moved_out_on > persons.reference_date)

),

counted as (

    select
        region_code,
        reference_date,
        count(distinct person_pseudonym) filter (where country = 'BG') as bulgaria_persons,
        count(distinct person_pseudonym) filter (where country = 'RO') as romania_persons,
        count(distinct person_pseudonym) as eu2_persons
    from residing
    group by region_code, reference_date

),

final as (

    select
        exports.region_code,
        exports.reference_date,
        coalesce(counted.bulgaria_persons, 0) as bulgaria_persons,
        coalesce(counted.romania_persons, 0) as romania_persons,
        coalesce(counted.eu2_persons, 0) as eu2_persons,
        {{ evidence_of_rank('exports.evidence_rank') }} as evidence
    from exports
    left join counted
        on exports.region_code = counted.region_code
            and exports.reference_date = counted.reference_date

)

select * from final

-- grain: one row per delivery of a register, municipality and reference date.
-- Counts persons who on that date reside there with their main residence; not masked. Incremental: what was counted of a
-- delivery stays, as long as the code is the same and nobody was erased from it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='sync_all_columns',
        pre_hook=[
            "{{ hashed_not_sorted() }}",
            "{{ room_to_hash() }}",
            "{% if is_incremental() %}{{ drop_totals_of_others(this) }}{% endif %}",
        ]
    )
}}
with

persons as (

    select * from {{ ref('stg_register__person') }}
    {% if is_incremental() %}
        where delivery_id in ({{ deliveries_to_total(['register'], totals_of('register')) }})
    {% endif %}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

erased as (

    select * from {{ erased_rows() }} as erased_rows

),

marked as (

    select
        persons.delivery_id,
        persons.region_code,
        persons.reference_date,
        persons.source_sha256,
        nationality_groups.country,
        -- of those who are not counted nothing has to be told apart
        case
            when nationality_groups.country is not null and {{ is_resident('persons.') }}
                then persons.person_pseudonym
        end as counted_person,
        evidence_classes.evidence_class_rank
    from persons
    left join nationality_groups
        on persons.nationality_code = nationality_groups.nationality_code
            and nationality_groups.nationality_group = 'EU2'
    inner join evidence_classes
        on persons.evidence = evidence_classes.evidence_class

),

-- a person registered twice is one; `count(distinct)` would sort all rows of a state
once as (

    select
        delivery_id,
        region_code,
        reference_date,
        source_sha256,
        counted_person,
        bool_or(country = 'BG') as is_bulgarian,
        bool_or(country = 'RO') as is_romanian,
        max(evidence_class_rank) as evidence_rank
    from marked
    group by delivery_id, region_code, reference_date, source_sha256, counted_person

),

counted as (

    select
        delivery_id,
        region_code,
        reference_date,
        source_sha256,
        count(counted_person) filter (where is_bulgarian) as bulgaria_persons,
        count(counted_person) filter (where is_romanian) as romania_persons,
        count(counted_person) as eu2_persons,
        -- an export without any person of the group still says that there are none; its evidence is that of all its
        -- rows, so that it does not tell whether the group has any
        max(evidence_rank) as evidence_rank
    from once
    group by delivery_id, region_code, reference_date, source_sha256

),

final as (

    select
        counted.delivery_id,
        counted.region_code,
        counted.reference_date,
        counted.source_sha256,
        counted.bulgaria_persons,
        counted.romania_persons,
        counted.eu2_persons,
        counted.evidence_rank,
        erased.erased_rows,
        cast('{{ code_version() }}' as text) as code_version
    from counted
    inner join erased
        on counted.delivery_id = erased.delivery_id

)

select * from final

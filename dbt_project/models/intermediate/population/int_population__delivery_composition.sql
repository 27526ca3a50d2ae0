-- grain: one row per delivery of a register, municipality, day, nationality or group, characteristic and value; and one with
-- an empty characteristic a delivery, by which it counts as counted. Only characteristics that the operator switched on.
-- Persons who on that day reside there with their main residence; not masked. Incremental, as int_population__delivery_count.
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
        where delivery_id in ({{ deliveries_to_total(['register'], 'int_population__delivery_composition') }})
    {% endif %}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

erased as (

    select * from {{ erased_rows() }} as erased_rows

),

-- persons are read once: of a state they are millions, and their classes a few hundred a delivery
classes as (

    select
        persons.delivery_id,
        persons.region_code,
        persons.reference_date,
        persons.source_sha256,
        persons.nationality_code,
        persons.migration_background,
        persons.background_by_birth,
        persons.moved_from,
        {{ stay_class('extract(year from persons.reference_date) - persons.arrived_year') }} as stay_class,
        ({{ is_resident('persons.') }}) as is_resident,
        max(evidence_classes.evidence_class_rank) as evidence_rank,
        -- a register holds a person once
        count(*) as persons
    from persons
    inner join evidence_classes
        on persons.evidence = evidence_classes.evidence_class
    group by
        persons.delivery_id, persons.region_code, persons.reference_date, persons.source_sha256, persons.nationality_code,
        persons.migration_background, persons.background_by_birth, persons.moved_from, stay_class, is_resident

),

-- evidence and what was delivered are those of all rows, so that they do not tell whether a group has any
exports as (

    select
        delivery_id,
        region_code,
        reference_date,
        source_sha256,
        max(evidence_rank) as evidence_rank,
        count(migration_background) > 0 as has_migration_background,
        count(background_by_birth) > 0 as has_background_by_birth,
        count(stay_class) > 0 as has_arrived_year,
        count(moved_from) > 0 as has_moved_from
    from classes
    group by delivery_id, region_code, reference_date, source_sha256

),

residents as (

    select * from classes
    where is_resident

),

characterised as (

    select
        residents.delivery_id,
        residents.region_code,
        residents.reference_date,
        residents.nationality_code,
        characteristics.characteristic,
        coalesce(characteristics.characteristic_value, 'not_stated') as characteristic_value,
        residents.persons
    from residents
    inner join exports
        on residents.delivery_id = exports.delivery_id
            and residents.region_code = exports.region_code
            and residents.reference_date = exports.reference_date
    cross join
        lateral (
            values
            ('migration_background', residents.migration_background, exports.has_migration_background),
            ('background_by_birth', residents.background_by_birth, exports.has_background_by_birth),
            ('length_of_stay', residents.stay_class, exports.has_arrived_year),
            ('moved_from', residents.moved_from, exports.has_moved_from)
        ) as characteristics (characteristic, characteristic_value, is_delivered)
    where characteristics.is_delivered

),

-- TOTAL are all persons, ALL those who are known to be foreign
by_nationality as (

    select
        characterised.*,
        nationalities.nationality
    from characterised
    cross join
        lateral (
            select 'TOTAL' as nationality
            union all
            select 'ALL' as nationality
            where characterised.nationality_code not in ('000', '999')
            union all
            select nationality_groups.nationality_group as nationality
            from nationality_groups
            where nationality_groups.nationality_code = characterised.nationality_code
        ) as nationalities

),

united as (

    select
        delivery_id,
        region_code,
        reference_date,
        nationality,
        characteristic,
        characteristic_value,
        cast(sum(persons) as bigint) as persons
    from by_nationality
    group by delivery_id, region_code, reference_date, nationality, characteristic, characteristic_value

    union all

    select
        delivery_id,
        region_code,
        reference_date,
        'TOTAL' as nationality,
        '' as characteristic,
        '' as characteristic_value,
        cast(0 as bigint) as persons
    from exports

),

final as (

    select
        united.delivery_id,
        united.region_code,
        united.reference_date,
        united.nationality,
        united.characteristic,
        united.characteristic_value,
        united.persons,
        exports.evidence_rank,
        exports.source_sha256,
        erased.erased_rows,
        cast('{{ code_version() }}' as text) as code_version
    from united
    inner join exports
        on united.delivery_id = exports.delivery_id
            and united.region_code = exports.region_code
            and united.reference_date = exports.reference_date
    inner join erased
        on united.delivery_id = erased.delivery_id

)

select * from final

-- grain: one row per count of persons and delivered row that it was read from; of a register one row an export.
-- Where the EU2 persons and employees of a region and day come from. Persons of a register are nowhere row by row.
with

series_years as (

    select * from {{ ref('stg_eu2_series__year') }}

),

nationalities as (

    select * from {{ ref('stg_azr_nrw__nationality') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

register_counts as (

    select * from {{ ref('int_population__delivery_count') }}

),

employees as (

    select * from {{ ref('stg_employment__employees') }}

),

united as (

    select
        'eu2_series' as source,
        region_code,
        reference_date,
        'residence' as place_basis,
        'EU2' as counted_group,
        eu2_persons as counted,
        line_number,
        source_sha256,
        evidence
    from series_years

    union all

    select
        'azr_nrw' as source,
        nationalities.region_code,
        nationalities.reference_date,
        'residence' as place_basis,
        nationality_groups.country as counted_group,
        nationalities.persons as counted,
        nationalities.line_number,
        nationalities.source_sha256,
        nationalities.evidence
    from nationalities
    inner join nationality_groups
        on nationalities.nationality_code = nationality_groups.nationality_code
            and nationality_groups.nationality_group = 'EU2'

    union all

    select
        'employment' as source,
        region_code,
        reference_date,
        place_basis,
        nationality_group as counted_group,
        employees_persons as counted,
        line_number,
        source_sha256,
        evidence
    from employees

    union all

    -- no line and no count: both are about persons, and the mart says which count may be shown
    select distinct
        'register' as source,
        region_code,
        reference_date,
        'residence' as place_basis,
        'EU2' as counted_group,
        cast(null as bigint) as counted,
        cast(null as bigint) as line_number,
        source_sha256,
        cast(null as text) as evidence
    from register_counts

),

final as (

    select
        source,
        region_code,
        reference_date,
        place_basis,
        counted_group,
        counted,
        line_number,
        source_sha256,
        evidence
    from united

)

select * from final

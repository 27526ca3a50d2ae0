-- grain: one row per row of early_education, figure that was read or computed and node of its tree (meta.trees of the mart).
with

educations as (

    select * from {{ ref('early_education') }}

),

delivered_values as (

    select * from {{ ref('stg_early_education__value') }}

),

profiles as (

    {{ printed_day_care() }}

),

trees as (

    select
        'early_education' as mart,
        {{ row_key(['region_code', 'reference_year', 'age_class', 'population_group', 'source']) }} as row_key,
        cast(null as text) as method,
        educations.*
    from educations

),

read_lines as (

    select
        'early_education' as mart,
        {{ row_key([
            'delivered_values.region_code', 'delivered_values.reference_year', 'delivered_values.age_class',
            'delivered_values.population_group', "'early_education'",
        ]) }} as row_key,
        named.figure,
        delivered_values.region_code,
        delivered_values.reference_year,
        cast(null as text) as method,
        delivered_values.value,
        delivered_values.evidence,
        'early_education' as source,
        delivered_values.source_sha256,
        delivered_values.line_number
    from delivered_values
    inner join (
        values
        ('day_care_children', 'day_care_children_persons'),
        ('children', 'children_persons'),
        ('attendance_pct', 'attendance_printed_pct'),
        ('day_care_share_pct', 'day_care_share_printed_pct'),
        ('children_share_pct', 'children_share_printed_pct')
    ) as named (indicator, figure)
        on delivered_values.indicator = named.indicator
    where delivered_values.value is not null

    union all

    select
        'early_education' as mart,
        {{ row_key(['region_code', 'day_care_year', "'not_stated'", "'migration_background'", "'structure_tables'"]) }}
            as row_key,
        'day_care_share_printed_pct' as figure,
        region_code,
        day_care_year as reference_year,
        cast(null as text) as method,
        day_care_migration_background_pct as value,
        evidence,
        'structure_tables' as source,
        source_sha256,
        line_number
    from profiles

),

nodes as (

    {{ computed_nodes('early_education', 'trees') }}

    union all

    {{ line_nodes('read_lines') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per row of eu2_population, figure (count or change) and node of its tree.
with

populations as (

    select * from {{ ref('eu2_population') }}

),

counted_rows as (

    select * from {{ ref('int_provenance__counted_row') }}

),

population_trees as (

    select
        'eu2_population' as mart,
        {{ row_key(['region_code', 'reference_date', 'source']) }} as row_key,
        'eu2_persons' as figure,
        region_code,
        cast(extract(year from reference_date) as integer) as reference_year,
        cast(null as text) as method,
        reference_date,
        source as population_source,
        eu2_persons,
        eu2_evidence,
        reason,
        {{ row_key(['region_code', 'previous_reference_date', 'source']) }} as previous_key,
        change_persons,
        change_basis,
        change_evidence
    from populations

),

counted_uses as (

    select
        {{ counted_use('1.1', 'eu2_persons', 'eu2_persons', 'eu2_evidence', 'population_source') }}
    from population_trees

),

counted as (

    {{ counted_parts('counted_uses', 'counted_rows') }}

),

changes as (

    select
        changed.mart,
        changed.row_key,
        'change_persons' as figure,
        changed.region_code,
        changed.reference_year,
        changed.method,
        changed.change_persons,
        changed.change_evidence as evidence,
        changed.eu2_persons,
        changed.previous_key,
        former.eu2_persons as previous_persons
    from population_trees as changed
    inner join population_trees as former
        on changed.previous_key = former.row_key
    where changed.change_basis = 'recomputed'

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'read'", "'eu2_persons'", 'eu2_persons', evidence='eu2_evidence',
            reason='reason') }}
    from population_trees

    union all

    {{ counted_nodes('counted') }}

    union all

    select
        {{ node("'1'", "'figure'", "'difference'", "'change_persons'", 'change_persons', evidence='evidence') }}
    from changes

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", "'eu2_persons'", 'eu2_persons', refers_to_mart='mart',
            refers_to_row_key='row_key', refers_to_figure="'eu2_persons'", refers_to_path="'1'") }}
    from changes

    union all

    select
        {{ node("'1.2'", "'figure_reference'", "'refers'", "'eu2_persons'", 'previous_persons', refers_to_mart='mart',
            refers_to_row_key='previous_key', refers_to_figure="'eu2_persons'", refers_to_path="'1'") }}
    from changes

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

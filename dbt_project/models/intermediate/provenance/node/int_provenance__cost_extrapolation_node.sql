-- grain: one row per row of cost_extrapolation and node of its tree.
-- The rate of the municipality, at the prices of the persons' year, times the persons of the region.
with

extrapolation_trees as (

    select * from {{ ref('int_provenance__cost_extrapolation_tree') }}

),

counted_rows as (

    select * from {{ ref('int_provenance__counted_row') }}

),

counted_uses as (

    select
        {{ counted_use('1.1.2.1', 'population_persons', 'population_persons', 'population_evidence', 'population_source',
            region='persons_region_code') }}
    from extrapolation_trees

    union all

    select
        {{ counted_use('1.1.2.2', 'employees_persons', 'employees_persons', 'employees_evidence', "'employment'",
            region='persons_region_code', place_basis='employees_place_basis') }}
    from extrapolation_trees
    where denominator_rule = 'population_minus_employees'

),

counted as (

    {{ counted_parts('counted_uses', 'counted_rows') }}

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'rounded'", "'extrapolated_cost_rounded_rate_eur'",
            'extrapolated_cost_rounded_rate_eur',
            digits='0', evidence='evidence', reason='reason', detail_de='region_name', detail_en='region_name') }}
    from extrapolation_trees

    union all

    select
        {{ node("'1.1'", "'component'", "'product'", "'extrapolated_cost_eur'",
            'case when reason is null then rate_eur * denominator_persons end',
            evidence='evidence') }}
    from extrapolation_trees

    union all

    select
        {{ node("'1.1.1'", "'figure_reference'", "'refers'", "'cost_per_person_rounded_eur'", 'rate_eur',
            evidence='rate_evidence',
            refers_to_mart="'cost_per_person'", refers_to_row_key='rate_key',
            refers_to_figure="'cost_per_person_rounded_eur'", refers_to_path="'1'") }}
    from extrapolation_trees
    where not is_repriced

    union all

    select
        {{ node("'1.1.1'", "'component'", "'rounded'", "'cost_per_person_rounded_eur'", 'rate_eur',
            evidence='rate_evidence',
            digits='rate_rounding_digits') }}
    from extrapolation_trees
    where is_repriced

    union all

    select
        {{ node("'1.1.1.1'", "'component'", "'product'", "'cost_per_person_eur'",
            'exact_rate_eur * price_factor', evidence='rate_evidence') }}
    from extrapolation_trees
    where is_repriced

    union all

    select
        {{ node("'1.1.1.1.1'", "'figure_reference'", "'refers'", "'cost_per_person_eur'", 'exact_rate_eur',
            evidence='rate_evidence',
            refers_to_mart="'cost_per_person'", refers_to_row_key='rate_key',
            refers_to_figure="'cost_per_person_rounded_eur'", refers_to_path="'1.1'") }}
    from extrapolation_trees
    where is_repriced

    union all

    select
        {{ node("'1.1.1.1.2'", "'parameter'", "'given'", "'price_factor'", 'price_factor') }}
    from extrapolation_trees
    where is_repriced

    union all

    select
        {{ node("'1.1.2'", "'component'", "case denominator_rule when 'population' then 'read' else 'difference' end",
            "'denominator_persons'", 'denominator_persons', evidence='evidence', detail_de='region_name',
            detail_en='region_name') }}
    from extrapolation_trees

    union all

    {{ counted_nodes('counted') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

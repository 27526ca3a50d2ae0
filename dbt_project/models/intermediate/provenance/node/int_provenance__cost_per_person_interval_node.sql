-- grain: one row per row of cost_per_person, end of its interval and node of the tree of that end.
with

cost_trees as (

    select * from {{ ref('int_provenance__cost_per_person_tree') }}

),

components as (

    select * from {{ ref('cost_component') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

-- both ends of a rate: the total and the denominator at the ends of what their rounding leaves open, and of the ledger
-- none or all of what is not mapped and could be the group's
interval_trees as (

    select
        cost_trees.mart,
        cost_trees.row_key,
        ends.figure,
        cost_trees.region_code,
        cost_trees.reference_year,
        cost_trees.method,
        cost_trees.total_cost_eur,
        cost_trees.cost_precision_eur,
        cost_trees.denominator_persons,
        abs(ends.persons - cost_trees.denominator_persons) as denominator_precision_persons,
        cost_trees.rate_step_eur,
        ends.operation,
        cost_trees.evidence,
        ends.cost_label,
        ends.cost_operation,
        ends.cost_eur,
        ends.unmapped_eur,
        ends.persons_label,
        ends.persons_operation,
        ends.persons,
        ends.value
    from cost_trees
    cross join
        lateral (
            values
            (
                'cost_per_person_low_eur', cost_per_person_low_eur, case when has_class then 'ratio_down' else 'ratio' end,
                'total_cost_low_eur', 'difference', total_cost_eur + unmapped_low_eur - cost_precision_eur, unmapped_low_eur,
                'denominator_high_persons', 'sum', denominator_high_persons
            ),
            (
                'cost_per_person_high_eur', cost_per_person_high_eur, case when has_class then 'ratio_up' else 'ratio' end,
                'total_cost_high_eur', 'sum', total_cost_eur + unmapped_high_eur + cost_precision_eur, unmapped_high_eur,
                'denominator_low_persons', 'difference', denominator_low_persons
            )
        )
            as ends (
                figure, value, operation,
                cost_label, cost_operation, cost_eur, unmapped_eur,
                persons_label, persons_operation, persons
            )
    where ends.value is not null

),

-- each amount that is not mapped and could be the group's, at the end of the interval that it moves
unmapped_components as (

    select
        interval_trees.mart,
        interval_trees.row_key,
        interval_trees.figure,
        interval_trees.region_code,
        interval_trees.reference_year,
        interval_trees.method,
        components.product_code || ' ' || components.account_code as detail,
        components.amount_eur,
        {{ component_key('components') }} as component_key,
        row_number() over (
            partition by interval_trees.row_key, interval_trees.figure
            order by
                components.product_code, components.account_code, components.target_group, components.source_sha256
        ) as component_number
    from interval_trees
    inner join methods
        on interval_trees.method = methods.method
    inner join components
        on interval_trees.region_code = components.municipality_ags
            and interval_trees.reference_year = components.fiscal_year
            and interval_trees.method = components.method
            and components.exclusion_reason = 'unmapped'
            and components.target_group in (methods.target_group, 'all')
            and sign(components.amount_eur) = sign(interval_trees.unmapped_eur)
    where components.amount_eur <> 0

),

nodes as (

    select
        {{ node("'1'", "'figure'", 'operation', 'figure', 'value', digits="case operation when 'ratio' then 2 end",
            evidence='evidence') }}
    from interval_trees

    union all

    select
        {{ node("'1.3'", "'parameter'", "'given'", "'rate_step_eur'", 'rate_step_eur') }}
    from interval_trees
    where operation <> 'ratio'

    union all

    select
        {{ node("'1.1'", "'component'", 'cost_operation', 'cost_label', 'cost_eur') }}
    from interval_trees

    union all

    select
        {{ node("case when unmapped_eur = 0 then '1.1.1' else '1.1.1.1' end", "'figure_reference'", "'refers'",
            "'total_cost_eur'", 'total_cost_eur', refers_to_mart='mart', refers_to_row_key='row_key',
            refers_to_figure="'cost_per_person_rounded_eur'", refers_to_path="'1.1.1'") }}
    from interval_trees

    union all

    select
        {{ node("'1.1.1'", "'component'", "'sum'", "'total_with_unmapped_eur'", 'total_cost_eur + unmapped_eur') }}
    from interval_trees
    where unmapped_eur <> 0

    union all

    select
        {{ node("'1.1.1.' || (component_number + 1)", "'figure_reference'", "'refers'", "'amount_eur'", 'amount_eur',
            detail_de='detail', detail_en='detail', refers_to_mart="'cost_component'", refers_to_row_key='component_key',
            refers_to_figure="'amount_eur'", refers_to_path="'1'") }}
    from unmapped_components

    union all

    select
        {{ node("'1.1.2'", "'parameter'", "'given'", "'cost_precision_eur'", 'cost_precision_eur') }}
    from interval_trees

    union all

    select
        {{ node("'1.2'", "'component'", 'persons_operation', 'persons_label', 'persons') }}
    from interval_trees

    union all

    select
        {{ node("'1.2.1'", "'figure_reference'", "'refers'", "'denominator_persons'", 'denominator_persons',
            refers_to_mart='mart', refers_to_row_key='row_key', refers_to_figure="'cost_per_person_rounded_eur'",
            refers_to_path="'1.1.2'") }}
    from interval_trees

    union all

    select
        {{ node("'1.2.2'", "'parameter'", "'given'", "'denominator_precision_persons'",
            'denominator_precision_persons') }}
    from interval_trees

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per row of cost_per_person and node of its tree: the rate, its total of components, its denominator of counts.
with

cost_trees as (

    select * from {{ ref('int_provenance__cost_per_person_tree') }}

),

components as (

    select * from {{ ref('cost_component') }}

),

component_nodes as (

    select * from {{ ref('int_provenance__component_node') }}

),

counted_rows as (

    select * from {{ ref('int_provenance__counted_row') }}

),

attributed_components as (

    select
        components.municipality_ags,
        components.fiscal_year,
        components.method,
        {{ component_key('components') }} as component_key,
        row_number() over (
            partition by components.municipality_ags, components.fiscal_year, components.method
            order by
                components.product_code, components.account_code, components.target_group, components.source_sha256
        ) as component_number
    from components
    where components.treatment = 'attributed'

),

counted_uses as (

    select
        {{ counted_use('1.1.2.1', 'population_persons', 'population_persons', 'population_evidence', 'population_source') }}
    from cost_trees

    union all

    select
        {{ counted_use('1.1.2.2', 'employees_persons', 'employees_persons', 'employees_evidence', "'employment'",
            place_basis='employees_place_basis') }}
    from cost_trees
    where denominator_rule = 'population_minus_employees'

),

counted as (

    {{ counted_parts('counted_uses', 'counted_rows') }}

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'rounded'", "'cost_per_person_rounded_eur'", 'cost_per_person_rounded_eur',
            digits='rate_rounding_digits', evidence='evidence', reason='reason', detail_de='label_de',
            detail_en='label_en') }}
    from cost_trees

    union all

    select
        {{ node("'1.1'", "'component'",
            "case when is_published then 'published_of_class' when has_class then 'ratio_of_class' else 'ratio' end",
            "'cost_per_person_eur'", 'cost_per_person_eur', evidence='evidence') }}
    from cost_trees

    union all

    select
        {{ node("'1.1.1'", "'component'", "'sum'", "'total_cost_eur'", 'total_cost_eur', evidence='cost_evidence') }}
    from cost_trees

    union all

    select
        cost_trees.mart,
        cost_trees.row_key,
        cost_trees.figure,
        cost_trees.region_code,
        cost_trees.reference_year,
        cost_trees.method,
        '1.1.1.' || numbered.component_number || substr(component_nodes.node_path, 2) as node_path,
        case component_nodes.node_kind when 'figure' then 'component' else component_nodes.node_kind end as node_kind,
        component_nodes.operation,
        component_nodes.label,
        component_nodes.detail_de,
        component_nodes.detail_en,
        component_nodes.digits,
        component_nodes.evidence,
        component_nodes.reason,
        component_nodes.source,
        component_nodes.sha256,
        component_nodes.first_line,
        component_nodes.last_line,
        component_nodes.row_count,
        component_nodes.row_numbers,
        component_nodes.refers_to_mart,
        component_nodes.refers_to_row_key,
        component_nodes.refers_to_figure,
        component_nodes.refers_to_path,
        component_nodes.value
    from cost_trees
    inner join attributed_components as numbered
        on cost_trees.region_code = numbered.municipality_ags
            and cost_trees.reference_year = numbered.fiscal_year
            and cost_trees.method = numbered.method
            -- the part of a cost that happens to be mapped is no total
            and cost_trees.total_cost_eur is not null
    inner join component_nodes
        on numbered.component_key = component_nodes.row_key

    union all

    select
        {{ node("'1.1.2'", "'component'", "case denominator_rule when 'population' then 'read' else 'difference' end",
            "'denominator_persons'", 'denominator_persons', evidence='evidence') }}
    from cost_trees

    union all

    -- what the denominator may be, where its persons come from a register, and what the rate is rounded to or printed as
    select
        {{ node('ends.node_path', "'parameter'", "'given'", 'ends.label', 'ends.value', detail_de='ends.detail',
            detail_en='ends.detail') }}
    from cost_trees
    cross join
        lateral (
            values
            ('1.1.3', 'denominator_class_low_persons', cast(denominator_class_low_persons as numeric), null),
            ('1.1.4', 'denominator_class_high_persons', denominator_class_high_persons, null),
            (
                '1.1.5',
                case when is_published then 'published_cost_per_person_eur' else 'rate_step_eur' end,
                case when is_published then published_cost_per_person_eur else rate_step_eur end,
                case when is_published then published_precision end
            )
        ) as ends (node_path, label, value, detail)
    where has_class
        and cost_per_person_eur is not null

    union all

    {{ counted_nodes('counted') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

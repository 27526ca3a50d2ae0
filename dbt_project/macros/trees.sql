{#- CTEs of trees that the mart `provenance` is too long a model for; the last of each is what its nodes are read from. -#}

{#-
    Trees of the parts of a bridge (macro bridge_parts), each led back to the rates, persons and amounts of the figures
    that it leads between: as they were (from), by the new method (mapped), as they are (to). The last CTE is
    `bridge_nodes`, in the columns of node(). `bridges` is the mart cost_bridge; the others are CTEs of the mart provenance.
-#}
{% macro bridge_trees(bridges, cost_trees, extrapolation_trees) -%}
-- operands of a bridge: a figure's quantities, each as the nodes that lead to the tree it stands in
bridge_operands as (

    select
        figures.region_code as municipality_ags,
        'total_cost_eur' as measure,
        figures.region_code,
        figures.method,
        figures.reference_year,
        operands.*
    from {{ cost_trees }} as figures
    cross join
        lateral (
            values
            -- of a bridge between totals the rate is their quotient, whatever it is rounded to where it is shown
            (
                'rate', '', 'ratio', cast(null as integer), 'cost_per_person_eur',
                figures.total_cost_eur / nullif(figures.denominator_persons, 0), null, null
            ),
            ('rate', '.1', 'refers', null, 'total_cost_eur', figures.total_cost_eur, figures.row_key, '1.1.1'),
            ('rate', '.2', 'refers', null, 'denominator_persons', figures.denominator_persons, figures.row_key, '1.1.2'),
            ('denominator', '', 'refers', null, 'denominator_persons', figures.denominator_persons, figures.row_key, '1.1.2'),
            ('population', '', 'refers', null, 'population_persons', figures.population_persons, figures.row_key, '1.1.2.1'),
            ('employees', '', 'refers', null, 'employees_persons', figures.employees_persons, figures.row_key, '1.1.2.2'),
            ('amount', '', 'refers', null, 'total_cost_eur', figures.total_cost_eur, figures.row_key, '1.1.1')
        ) as operands (quantity, suffix, operation, digits, label, value, refers_to_row_key, refers_to_path)
    where figures.cost_per_person_eur is not null

    union all

    -- the rate as the mart shows it, to six decimals
    select
        figures.region_code as municipality_ags,
        'extrapolated_cost_eur' as measure,
        figures.persons_region_code as region_code,
        figures.method,
        figures.reference_year,
        operands.*
    from {{ extrapolation_trees }} as figures
    cross join
        lateral (
            values
            ('rate', '', 'rounded', 6, 'cost_per_person_eur', figures.cost_per_person_eur, null, null),
            ('rate', '.1', 'refers', null, 'cost_per_person_eur', figures.exact_rate_eur, figures.rate_key, '1.1'),
            ('denominator', '', 'refers', null, 'denominator_persons', figures.denominator_persons, figures.row_key, '1.1.2'),
            ('population', '', 'refers', null, 'population_persons', figures.population_persons, figures.row_key, '1.1.2.1'),
            ('employees', '', 'refers', null, 'employees_persons', figures.employees_persons, figures.row_key, '1.1.2.2'),
            (
                'amount', '', 'product', null, 'extrapolated_cost_eur',
                figures.cost_per_person_eur * figures.denominator_persons, null, null
            ),
            ('amount', '.1', 'rounded', 6, 'cost_per_person_eur', figures.cost_per_person_eur, null, null),
            ('amount', '.1.1', 'refers', null, 'cost_per_person_eur', figures.exact_rate_eur, figures.rate_key, '1.1'),
            ('amount', '.2', 'refers', null, 'denominator_persons', figures.denominator_persons, figures.row_key, '1.1.2')
        ) as operands (quantity, suffix, operation, digits, label, value, refers_to_row_key, refers_to_path)
    where figures.extrapolated_cost_rounded_rate_eur is not null
        and figures.reference_year = figures.persons_year

),

-- every part of a bridge, and which quantity of which side stands at which place of its tree
bridge_slots as (

    select
        'cost_bridge' as mart,
        {{ row_key([
            'bridges.municipality_ags',
            'bridges.measure',
            'bridges.region_code',
            'bridges.from_method',
            'bridges.from_year',
            'bridges.to_method',
            'bridges.to_year',
            'bridges.part',
        ]) }} as row_key,
        'part_eur' as figure,
        bridges.municipality_ags as region_code,
        bridges.to_year as reference_year,
        bridges.to_method as method,
        bridges.measure,
        bridges.part,
        slots.path,
        operands.suffix,
        operands.operation,
        operands.digits,
        operands.label,
        operands.value,
        operands.refers_to_row_key,
        operands.refers_to_path
    from {{ bridges }} as bridges
    inner join (
        values
        ('data_revision', '1.1', 'from', 'amount'),
        ('data_revision', '1.2', 'from', 'amount'),
        ('method', '1.1', 'mapped', 'amount'),
        ('method', '1.2', 'from', 'amount'),
        ('price', '1.1.1', 'to', 'rate'),
        ('price', '1.1.2', 'mapped', 'rate'),
        ('price', '1.2.1', 'to', 'denominator'),
        ('price', '1.2.2', 'mapped', 'denominator'),
        ('quantity_population', '1.1.1', 'to', 'population'),
        ('quantity_population', '1.1.2', 'mapped', 'population'),
        ('quantity_population', '1.2.1', 'to', 'rate'),
        ('quantity_population', '1.2.2', 'mapped', 'rate'),
        ('quantity_employees', '1.1.1', 'mapped', 'employees'),
        ('quantity_employees', '1.1.2', 'to', 'employees'),
        ('quantity_employees', '1.2.1', 'to', 'rate'),
        ('quantity_employees', '1.2.2', 'mapped', 'rate')
    ) as slots (part, path, side, quantity)
        on bridges.part = slots.part
    inner join bridge_operands as operands
        on bridges.municipality_ags = operands.municipality_ags
            and bridges.measure = operands.measure
            and bridges.region_code = operands.region_code
            and slots.quantity = operands.quantity
            and operands.reference_year = case slots.side when 'to' then bridges.to_year else bridges.from_year end
            and operands.method = case slots.side when 'from' then bridges.from_method else bridges.to_method end

),

-- two quantities make a difference, or the mean of both sides
bridge_pairs as (

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        left(path, 3) as path,
        case left(path, 3) when '1.1' then 'difference' else 'mean' end as operation,
        min(label) as label,
        -- by the ten decimals that the mart keeps of a rate
        sum(round(value, 10) * case when left(path, 3) = '1.1' and path = '1.1.2' then -1 else 1 end)
        / case left(path, 3) when '1.1' then 1 else 2 end as value
    from bridge_slots
    where suffix = ''
        and length(path) = 5
    group by mart, row_key, figure, region_code, reference_year, method, left(path, 3)

),

bridge_roots as (

    select
        'cost_bridge' as mart,
        {{ row_key([
            'municipality_ags', 'measure', 'region_code', 'from_method', 'from_year', 'to_method', 'to_year', 'part'
        ]) }} as row_key,
        {{ row_key([
            'municipality_ags', 'measure', 'region_code', 'from_method', 'from_year', 'to_method', 'to_year'
        ]) }} as bridge_key,
        'part_eur' as figure,
        municipality_ags as region_code,
        to_year as reference_year,
        to_method as method,
        part,
        part_order,
        part_eur,
        difference_eur,
        evidence,
        reason
    from {{ bridges }} as bridges

),

bridge_nodes as (

    select
        {{ node("'1'", "'figure'",
            "case when part in ('price', 'quantity_population', 'quantity_employees') then 'product' else 'difference' end",
            "'part_eur'", 'part_eur', digits='2', evidence='evidence', reason='reason', detail_de='part',
            detail_en='part') }}
    from bridge_roots

    union all

    select
        {{ node('path', "'component'", 'operation', 'label', 'round(value, 10)',
            digits="case operation when 'mean' then 10 end") }}
    from bridge_pairs

    union all

    select
        {{ node(
            'path || suffix', "case operation when 'refers' then 'figure_reference' else 'component' end", 'operation',
            'label', 'value', digits='digits', refers_to_row_key='refers_to_row_key', refers_to_path='refers_to_path',
            refers_to_mart="case when operation = 'refers' then case when measure = 'total_cost_eur' or label = 'cost_per_person_eur' then 'cost_per_person' else 'cost_extrapolation' end end",
            refers_to_figure="case when operation = 'refers' then case when measure = 'total_cost_eur' or label = 'cost_per_person_eur' then 'cost_per_person_rounded_eur' else 'extrapolated_cost_rounded_rate_eur' end end"
        ) }}
    from bridge_slots

    union all

    -- rounding: the difference, less all other parts
    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", "'difference_eur'", 'difference_eur',
            refers_to_mart='mart', refers_to_row_key='row_key', refers_to_figure="'difference_eur'", refers_to_path="'1'") }}
    from bridge_roots
    where part = 'rounding'

    union all

    select
        {{ node("'1.' || (other_order + 1)", "'figure_reference'", "'refers'", "'part_eur'", 'other_eur',
            detail_de='other_part', detail_en='other_part',
            refers_to_mart='mart', refers_to_row_key='other_key', refers_to_figure='figure', refers_to_path="'1'") }}
    from (
        select
            rests.mart,
            rests.row_key,
            rests.figure,
            rests.region_code,
            rests.reference_year,
            rests.method,
            others.row_key as other_key,
            others.part as other_part,
            others.part_order as other_order,
            others.part_eur as other_eur
        from bridge_roots as rests
        inner join bridge_roots as others
            on rests.bridge_key = others.bridge_key
                and rests.part = 'rounding'
                and others.part <> 'rounding'
    ) as rests

)
{%- endmacro %}

{#-
    Trees of the comparability of two figures: a dimension is the same where both circumstances are known and alike (1),
    the figures are comparable where every dimension is. The last CTE is `comparability_nodes`, in the columns of node().
-#}
{% macro comparability_trees(comparabilities, circumstances) -%}
compared_dimensions as (

    select
        'cost_comparability' as mart,
        {{ row_key([
            'left_municipality_ags',
            'left_year',
            'left_method',
            'right_municipality_ags',
            'right_year',
            'right_method',
            'dimension',
        ]) }} as row_key,
        'is_same' as figure,
        {{ row_key([
            'left_municipality_ags', 'left_year', 'left_method', 'right_municipality_ags', 'right_year', 'right_method'
        ]) }} as pair_key,
        left_municipality_ags as region_code,
        left_year as reference_year,
        left_method as method,
        compared.*,
        case when is_same then 1 else 0 end as same,
        row_number() over (
            partition by
                left_municipality_ags, left_year, left_method, right_municipality_ags, right_year, right_method
            order by dimension
        ) as dimension_number
    from {{ comparabilities }} as compared

),

compared_sides as (

    select
        compared.mart,
        compared.row_key,
        compared.figure,
        compared.region_code,
        compared.reference_year,
        compared.method,
        sides.path,
        sides.label,
        sides.value,
        concat_ws(
            ', ',
            {{ row_key(['sides.municipality_ags', 'sides.reference_year', 'sides.method']) }},
            sides.value,
            stated.source_document
        ) as detail
    from compared_dimensions as compared
    cross join
        lateral (
            values
            ('1.1', 'left_is_known', left_municipality_ags, left_year, left_method, left_value),
            ('1.2', 'right_is_known', right_municipality_ags, right_year, right_method, right_value)
        ) as sides (path, label, municipality_ags, reference_year, method, value)
    left join {{ circumstances }} as stated
        on sides.municipality_ags = stated.municipality_ags
            and compared.dimension = stated.dimension
            and sides.reference_year between stated.valid_from_year and stated.valid_to_year

),

comparability_nodes as (

    select
        {{ node("'1'", "'figure'", "'product'", "'is_same'", 'same', reason='reason', detail_de='dimension',
            detail_en='dimension') }}
    from compared_dimensions

    union all

    select
        {{ node('path', "'parameter'", "'given'", 'label', 'case when value is null then 0 else 1 end',
            detail_de='detail', detail_en='detail') }}
    from compared_sides

    union all

    select
        {{ node("'1.3'", "'parameter'", "'given'", "'values_are_alike'", 'same') }}
    from compared_dimensions
    where left_value is not null
        and right_value is not null

    union all

    -- of the pair once, at its first dimension: every dimension is the same
    select
        {{ node("'1'", "'figure'", "'product'", "'is_comparable'", 'case when is_comparable then 1 else 0 end') }}
    from (
        select
            mart,
            row_key,
            'is_comparable' as figure,
            region_code,
            reference_year,
            method,
            is_comparable
        from compared_dimensions
        where dimension_number = 1
    ) as pairs

    union all

    select
        {{ node("'1.' || dimension_number", "'figure_reference'", "'refers'", "'is_same'", 'same',
            detail_de='dimension', detail_en='dimension', refers_to_mart='mart', refers_to_row_key='dimension_key',
            refers_to_figure="'is_same'", refers_to_path="'1'") }}
    from (
        select
            pairs.mart,
            pairs.row_key,
            'is_comparable' as figure,
            pairs.region_code,
            pairs.reference_year,
            pairs.method,
            dimensions.row_key as dimension_key,
            dimensions.dimension,
            dimensions.dimension_number,
            dimensions.same
        from compared_dimensions as pairs
        inner join compared_dimensions as dimensions
            on pairs.pair_key = dimensions.pair_key
                and pairs.dimension_number = 1
    ) as parts_of_pairs

)
{%- endmacro %}

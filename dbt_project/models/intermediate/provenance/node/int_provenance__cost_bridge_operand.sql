-- grain: one row per part of a bridge and node of a quantity that it is made of, in the tree of the part.
-- A quantity is that of a figure as it was (from), by the new method (mapped), or as it is (to); its nodes lead to the tree it stands in.
with

bridges as (

    select * from {{ ref('cost_bridge') }}

),

cost_trees as (

    select * from {{ ref('int_provenance__cost_per_person_tree') }}

),

extrapolation_trees as (

    select * from {{ ref('int_provenance__cost_extrapolation_tree') }}

),

-- operands of a bridge: a figure's quantities, each as the nodes that lead to the tree it stands in
bridge_operands as (

    select
        figures.region_code as municipality_ags,
        'total_cost_eur' as measure,
        figures.region_code,
        figures.method,
        figures.reference_year,
        operands.*
    from cost_trees as figures
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
    from extrapolation_trees as figures
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
    from bridges
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

final as (

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        measure,
        part,
        path,
        suffix,
        operation,
        digits,
        label,
        value,
        refers_to_row_key,
        refers_to_path
    from bridge_slots

)

select * from final

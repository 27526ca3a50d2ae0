-- grain: one row per part of a bridge, figure (the part, the difference it is a part of) and node of its tree.
with

bridges as (

    select * from {{ ref('cost_bridge') }}

),

operands as (

    select * from {{ ref('int_provenance__cost_bridge_operand') }}

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
    from operands
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
    from bridges

),

rests as (

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

),

-- both sides of a difference: which figure's tree they stand in
differences as (

    select
        'cost_bridge' as mart,
        {{ row_key([
            'municipality_ags', 'measure', 'region_code', 'from_method', 'from_year', 'to_method', 'to_year', 'part'
        ]) }} as row_key,
        'difference_eur' as figure,
        municipality_ags as region_code,
        to_year as reference_year,
        to_method as method,
        difference_eur,
        evidence,
        reason,
        to_eur,
        from_eur,
        bridged.mart as side_mart,
        bridged.figure as side_figure,
        bridged.path as side_path,
        bridged.label as side_label,
        case bridged.mart
            when 'cost_per_person' then {{ row_key(['municipality_ags', 'to_year', 'to_method']) }}
            else {{ row_key(['municipality_ags', 'to_year', 'to_method', 'region_code', 'to_year']) }}
        end as to_key,
        case bridged.mart
            when 'cost_per_person' then {{ row_key(['municipality_ags', 'from_year', 'from_method']) }}
            else {{ row_key(['municipality_ags', 'from_year', 'from_method', 'region_code', 'from_year']) }}
        end as from_key
    from bridges
    inner join (
        values
        ('total_cost_eur', 'cost_per_person', 'cost_per_person_rounded_eur', '1.1.1', 'total_cost_eur'),
        ('extrapolated_cost_eur', 'cost_extrapolation', 'extrapolated_cost_rounded_rate_eur', '1', 'extrapolated_cost_rounded_rate_eur')
    ) as bridged (bridged_measure, mart, figure, path, label)
        on bridges.measure = bridged.bridged_measure

),

nodes as (

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
    from operands

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
    from rests

    union all

    select
        {{ node("'1'", "'figure'", "'difference'", "'difference_eur'", 'difference_eur', evidence='evidence',
            reason='reason') }}
    from differences

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", 'side_label', 'to_eur', refers_to_mart='side_mart',
            refers_to_row_key='to_key', refers_to_figure='side_figure', refers_to_path='side_path') }}
    from differences

    union all

    select
        {{ node("'1.2'", "'figure_reference'", "'refers'", 'side_label', 'from_eur', refers_to_mart='side_mart',
            refers_to_row_key='from_key', refers_to_figure='side_figure', refers_to_path='side_path') }}
    from differences

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per definition of an indicator and operand that cannot be computed, or that no delivered cell answers to.
with

definitions as (

    select * from {{ ref('indicator_definition') }}

),

statistics as (

    select * from {{ ref('official_statistic') }}

),

cells as (

    {{ indicator_cells('statistics') }}

),

operands as (

    select
        definitions.*,
        operand.operand,
        operand.table_code,
        operand.measure_code,
        operand.cells
    from definitions
    cross join
        lateral (
            values
            ('numerator', definitions.numerator_table, definitions.numerator_measure, definitions.numerator_cells),
            (
                'denominator', definitions.denominator_table, definitions.denominator_measure,
                definitions.denominator_cells
            )
        ) as operand (operand, table_code, measure_code, cells)
    where operand.operand = 'numerator'
        or definitions.formula <> 'count'

),

judged as (

    select
        operands.*,
        case
            when operands.table_code is null then 'table_not_known'
            when operands.cells is null or operands.measure_code is null then 'cells_not_known'
            when operands.table_code not in (select statistics.table_code from statistics) then 'table_not_delivered'
            when {{ row_key(definition_key() + ['operand']) }} not in (select {{ row_key(definition_key() + ['operand']) }} from cells)
                then 'cell_not_in_table'
        end as reason
    from operands

),

final as (

    select
        indicator_set,
        indicator_code,
        definition_version,
        category,
        population_group,
        operand,
        label_de,
        label_en,
        group_de,
        group_en,
        reason,
        table_code,
        measure_code,
        cells,
        missing_de,
        missing_en,
        source_document
    from judged
    where reason is not null

)

select * from final

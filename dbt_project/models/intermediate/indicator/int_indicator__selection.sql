-- grain: one row per definition of an indicator, sex, operand (numerator, denominator) and cell of a table that is added into it.
-- A cell is named by its attributes; what is not named is the total. Definitions whose cells are not known have no row.
with

definitions as (

    select * from {{ ref('indicator_definition') }}

),

sexes (sex, placeholder, code) as (

    -- {sex}: the table has a total over both; {sex_sum}: it has none, and all is the sum of its two
    values
    ('all', '{sex}', ''),
    ('male', '{sex}', 'GESM'),
    ('female', '{sex}', 'GESW'),
    ('all', '{sex_sum}', 'GESM'),
    ('all', '{sex_sum}', 'GESW'),
    ('male', '{sex_sum}', 'GESM'),
    ('female', '{sex_sum}', 'GESW'),
    ('all', '', '')

),

operands as (

    select
        definitions.*,
        operand.name as operand,
        operand.table_code,
        operand.measure_code,
        part.pattern,
        coalesce(substring(part.pattern from '\{sex(?:_sum)?\}'), '') as placeholder
    from definitions
    cross join
        lateral (
            values
            ('numerator', definitions.numerator_table, definitions.numerator_measure, definitions.numerator_cells),
            (
                'denominator', definitions.denominator_table, definitions.denominator_measure,
                definitions.denominator_cells
            )
        ) as operand (name, table_code, measure_code, cells)
    cross join lateral unnest(string_to_array(operand.cells, ' + ')) as part (pattern)

),

cells as (

    select
        operands.*,
        sexes.sex,
        case
            when operands.pattern = 'total' then ''
            else {{ canonical_cell('replace(operands.pattern, operands.placeholder, sexes.code)') }}
        end as cell
    from operands
    inner join sexes
        on operands.placeholder = sexes.placeholder

),

final as (

    select
        indicator_set,
        indicator_code,
        definition_version,
        category,
        population_group,
        sex,
        operand,
        table_code,
        measure_code,
        cell,
        count(*) over (
            partition by indicator_set, indicator_code, definition_version, category, population_group, sex, operand
        ) as cell_count,
        -- the denominator may be that of an earlier year
        coalesce(first_year, 0) - case when operand = 'denominator' then years_back else 0 end as first_year,
        coalesce(last_year, 9999) - case when operand = 'denominator' then years_back else 0 end as last_year
    from cells

)

select * from final

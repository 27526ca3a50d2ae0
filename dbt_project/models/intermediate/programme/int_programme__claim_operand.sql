-- grain: one row per claim that is held against printed or official figures and such a figure, in their order.
with

checks as (

    select * from {{ ref('claim_check') }}

),

figures as (

    select * from {{ ref('int_programme__printed_figure') }}

),

final as (

    select
        checks.figure_id,
        checks.compared_with,
        named.operand_number,
        named.operand_id,
        cardinality(string_to_array(checks.operands, ' ')) as operand_count,
        figures.indicator,
        figures.source_document,
        figures.value,
        figures.lower_end,
        figures.upper_end
    from checks
    cross join
        lateral unnest(string_to_array(checks.operands, ' ')) with ordinality as named (operand_id, operand_number)
    inner join figures
        on named.operand_id = figures.figure_id

)

select * from final

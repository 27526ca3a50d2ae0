-- grain: one row per claim that is held against printed or official figures, with what follows from these.
-- A figure without stated ends leaves the result without an end on that side; figures that are unknown, without result.
with

operands as (

    select * from {{ ref('int_programme__claim_operand') }}

),

gathered as (

    select
        figure_id,
        compared_with,
        count(*) = max(operand_count) as is_whole,
        sum(value) as total,
        case when count(lower_end) = count(*) then sum(lower_end) end as total_low,
        case when count(upper_end) = count(*) then sum(upper_end) end as total_high,
        max(value) filter (where operand_number = 1) as first_value,
        max(lower_end) filter (where operand_number = 1) as first_low,
        max(upper_end) filter (where operand_number = 1) as first_high,
        max(value) filter (where operand_number = 2) as second_value,
        max(lower_end) filter (where operand_number = 2) as second_low,
        max(upper_end) filter (where operand_number = 2) as second_high
    from operands
    group by figure_id, compared_with

),

final as (

    select
        figure_id,
        case compared_with
            when 'printed_value' then first_value
            when 'printed_sum' then total
            when 'printed_difference' then first_value - second_value
            when 'printed_product' then first_value * second_value
            when 'printed_percentage' then 100 * first_value / nullif(second_value, 0)
            when 'printed_growth_pct' then 100 * (first_value - second_value) / nullif(second_value, 0)
        end as value,
        case compared_with
            when 'printed_value' then first_low
            when 'printed_sum' then total_low
            when 'printed_difference' then first_low - second_high
            when 'printed_product' then first_low * second_low
            when 'printed_percentage' then 100 * first_low / nullif(second_high, 0)
            when 'printed_growth_pct' then 100 * (first_low - second_high) / nullif(second_high, 0)
        end as low,
        case compared_with
            when 'printed_value' then first_high
            when 'printed_sum' then total_high
            when 'printed_difference' then first_high - second_low
            when 'printed_product' then first_high * second_high
            when 'printed_percentage' then 100 * first_high / nullif(second_low, 0)
            when 'printed_growth_pct' then 100 * (first_high - second_low) / nullif(second_low, 0)
        end as high,
        case compared_with when 'printed_value' then 'published' else 'derived' end as evidence
    from gathered
    where is_whole

)

select * from final

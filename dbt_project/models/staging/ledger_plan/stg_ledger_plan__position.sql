-- grain: one row per line of a delivered budget and column with an amount: a year's result, or a year's plan.
with

delivered as (

    select * from {{ delivered('ledger_plan', 'position') }}

),

by_column as (

    select
        delivered.*,
        delivered.budget_year + amounts.year_offset as fiscal_year,
        amounts.is_planned,
        amounts.printed,
        case delivered.amount_unit when 'EUR' then 1 when 'TEUR' then 1000 end as unit_eur,
        -- revenue stands as a positive amount in its accounts, and is none of the cost
        case when delivered.account_code like '4%' then -1 else 1 end as direction
    from delivered
    cross join
        lateral (
            values
            (-2, false, delivered.result_two_years_before),
            (-1, false, delivered.result_year_before),
            (-1, true, delivered.planned_year_before),
            (0, true, delivered.planned_year)
        ) as amounts (year_offset, is_planned, printed)
    where amounts.printed is not null

),

final as (

    select
        region_code,
        budget_year,
        fiscal_year,
        is_planned,
        product_code,
        product_name,
        account_code,
        account_name,
        amount_unit,
        trim_scale(direction * printed * unit_eur) as amount_eur,
        {{ printed_half_width('printed', 'unit_eur') }} as amount_precision_eur,
        delivery_id,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from by_column

)

select * from final

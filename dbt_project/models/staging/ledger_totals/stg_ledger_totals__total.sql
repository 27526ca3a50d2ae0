-- grain: one row per line of a delivered ledger of totals; sub-totals, which only repeat lines, are left out.
with

delivered as (

    select * from {{ delivered('ledger_totals', 'total') }}

),

final as (

    select
        region_code,
        fiscal_year,
        coalesce(accrual_year, fiscal_year) as accrual_year,
        product_code,
        product_name,
        account_code,
        account_name,
        coalesce(expense_eur, 0) - coalesce(revenue_eur, 0) as amount_eur,
        delivery_id,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from delivered
    where subtotal_mark is null

)

select * from final

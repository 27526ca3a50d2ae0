-- grain: one row per region and receipt.
with

delivered as (

    select * from {{ delivered('funding_received', 'receipt') }}

),

final as (

    select
        receipt_id,
        region_code,
        accrual_year,
        funding_level,
        is_time_limited,
        cost_basis,
        amount_printed,
        amount_eur,
        source_document,
        passage,
        remark,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', ['region_code', 'receipt_id']) }}

)

select * from final

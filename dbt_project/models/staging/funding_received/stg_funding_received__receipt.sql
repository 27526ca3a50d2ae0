-- grain: one row per receipt.
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
    from delivered

)

select * from final

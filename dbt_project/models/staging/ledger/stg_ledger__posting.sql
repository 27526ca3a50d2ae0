-- grain: one row per posting line of a delivered ledger.
with

delivered as (

    select * from {{ delivered('ledger', 'posting') }}

),

final as (

    select
        region_code,
        fiscal_year,
        document_number,
        posted_on,
        product_code,
        product_name,
        account_code,
        account_name,
        target_group,
        amount_eur,
        delivery_id,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from delivered

)

select * from final

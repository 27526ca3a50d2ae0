-- grain: one row per printed funding figure.
-- Periods and amounts stay as printed; nothing is interpolated or cast back to other years.
with

delivered as (

    select * from {{ delivered('funding', 'programme') }}

),

final as (

    select
        figure_id,
        programme,
        funding_level,
        region_code,
        period_printed,
        amount_printed,
        amount_eur,
        amount_qualifier,
        amount_per,
        part_of,
        granted_eur,
        called_eur,
        proven_eur,
        paid_back_eur,
        own_share_eur,
        source_document,
        remark,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', ['figure_id']) }}

)

select * from final

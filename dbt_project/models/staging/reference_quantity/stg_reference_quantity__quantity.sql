-- grain: one row per reference date, municipality, quantity and group.
with

delivered as (

    select * from {{ delivered('reference_quantity', 'quantity') }}

),

final as (

    select
        reference_date,
        region_code,
        quantity,
        target_group,
        counted,
        source_name,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', ['reference_date', 'region_code', 'quantity', 'target_group']) }}

)

select * from final

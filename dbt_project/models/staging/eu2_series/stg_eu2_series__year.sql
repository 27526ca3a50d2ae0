-- grain: one row per reference date and region of the printed EU2 series.
with

delivered as (

    select * from {{ delivered('eu2_series', 'year') }}

),

final as (

    select
        reference_date,
        region_code,
        bulgaria_persons,
        romania_persons,
        eu2_persons,
        change_printed_persons,
        change_printed_pct,
        printed_in,
        source_name,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', ['reference_date', 'region_code']) }}

)

select * from final

-- grain: one row per measure of a programme.
with

delivered as (

    select * from {{ delivered('programme_measure', 'measure') }}

),

final as (

    select
        measure_id,
        programme_id,
        programme,
        funding_level,
        region_code,
        measure,
        field_of_action,
        first_year,
        last_year,
        ends_on,
        end_status,
        source_document,
        passage,
        remark,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', ['measure_id']) }}

)

select * from final

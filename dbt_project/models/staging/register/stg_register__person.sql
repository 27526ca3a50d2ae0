-- grain: one row per registration (person and residence) of a delivered register export.
with

delivered as (

    select * from {{ delivered('register', 'person_snapshot') }}

),

final as (

    select
        reference_date,
        region_code,
        person_pseudonym,
        nationality_code,
        sex,
        birth_year,
        moved_in_on,
        moved_out_on,
        residence_type,
        delivery_id,
        evidence,
        brought_by,
        brought_line as line_number,
        source_sha256,
        source_file_name
    from delivered

)

select * from final

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
        city_district,
        -- a German born abroad before 1950 is as a rule an expellee, and no immigrant
        case
            when background_by_birth = 'german_born_abroad' and birth_year < 1950 then 'not_known'
            else background_by_birth
        end as background_by_birth,
        migration_background,
        moved_from,
        moved_to,
        arrived_year,
        departed_year,
        delivery_id,
        evidence,
        brought_by,
        brought_line as line_number,
        source_sha256,
        source_file_name
    from delivered

)

select * from final

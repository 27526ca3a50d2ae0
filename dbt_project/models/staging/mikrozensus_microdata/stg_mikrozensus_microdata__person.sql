-- grain: one row per person of a delivered file of microdata.
with

delivered as (

    select * from {{ delivered('mikrozensus_microdata', 'person') }}

),

latest as (

    select *
    from
        {{ latest_period('delivered', [
            'reference_year', 'state_code', 'district_pseudonym', 'household_pseudonym', 'person_number',
        ]) }}

),

final as (

    select
        -- the office that holds the file: two copies of one survey are never added up
        split_part(source_period, '_', 1) as held_by_ags,
        reference_year,
        reference_quarter,
        state_code,
        size_class,
        stratum,
        district_pseudonym,
        household_pseudonym,
        person_number,
        age_years,
        sex,
        migration_background,
        background_basis,
        employment,
        education,
        year_weight,
        quarter_weight,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from latest

)

select * from final

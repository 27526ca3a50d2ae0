-- grain: one row per municipality (or district) and year of the printed structure tables.
with

delivered as (

    select * from {{ delivered('structure_tables', 'municipality') }}

),

final as (

    select
        region_code,
        municipality_name,
        reference_year,
        population_persons,
        foreign_persons,
        foreign_pct,
        migration_background_persons,
        migration_background_pct,
        day_care_migration_background_pct,
        day_care_year,
        printed_in,
        evidence,
        line_number,
        source_sha256,
        source_file_name,
        source_document
    from {{ latest_period('delivered', ['region_code', 'reference_year']) }}

)

select * from final

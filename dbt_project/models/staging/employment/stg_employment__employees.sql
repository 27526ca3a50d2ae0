-- grain: one row per reference date, region, nationality group and place basis.
-- Residence and workplace are two facts about employees; they are never added or mixed.
with

delivered as (

    select * from {{ delivered('employment', 'employees') }}

),

final as (

    select
        reference_date,
        region_code,
        region_name,
        nationality_group,
        place_basis,
        employees_persons,
        source_name,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', ['reference_date', 'region_code', 'nationality_group', 'place_basis']) }}

)

select * from final

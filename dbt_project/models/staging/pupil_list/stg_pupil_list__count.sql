-- grain: one row per class of children of a delivered file; no row is a child.
with

delivered as (

    select * from {{ delivered('pupil_list', 'count') }}

),

final as (

    select
        region_code,
        counted_on,
        stated_on,
        list_name,
        age_years,
        nationality_group,
        status,
        records,
        children as children_persons,
        evidence,
        delivery_id,
        line_number,
        source_sha256,
        source_file_name
    from delivered

)

select * from final

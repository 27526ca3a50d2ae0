-- grain: one row per reference date, region, indicator, place basis, nationality or group and sex.
-- What the office keeps secret has a sign (*), and no count.
with

delivered as (

    select * from {{ delivered('ba_nationality', 'count') }}

),

final as (

    select
        reference_date,
        region_code,
        region_name,
        indicator,
        place_basis,
        nationality,
        sex,
        persons,
        persons_sign,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', [
        'reference_date', 'region_code', 'indicator', 'place_basis', 'nationality', 'sex',
    ]) }}

)

select * from final

-- grain: one row per reference date, region and nationality (continents stand among countries, as delivered).
-- Counts are rounded to 5, each on its own; `-` is not zero, so a count with a sign stays NULL.
with

delivered as (

    select * from {{ delivered('azr_nrw', 'nationality') }}

),

keyed as (

    select
        delivered.*,
        {{ region_key('region_code', 'region_name') }} as own_region_code
    from delivered

),

final as (

    select
        reference_date,
        own_region_code as region_code,
        region_code as source_region_code,
        trim(region_name) as region_name,
        nationality_code,
        trim(nationality_name) as nationality_name,
        persons,
        persons_sign,
        male_persons,
        male_persons_sign,
        female_persons,
        female_persons_sign,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('keyed', ['reference_date', 'own_region_code', 'nationality_code']) }}

)

select * from final

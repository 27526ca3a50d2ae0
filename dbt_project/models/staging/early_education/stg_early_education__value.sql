-- grain: one row per region, year, age class, group and indicator.
with

delivered as (

    select * from {{ delivered('early_education', 'value') }}

),

latest as (

    select *
    from
        {{ latest_period('delivered', [
            'region_code', 'reference_year', 'age_class', 'population_group', 'indicator',
        ]) }}

),

final as (

    select
        region_code,
        region_name,
        reference_year,
        counted_on,
        age_class,
        population_group,
        indicator,
        value,
        value_sign,
        source_document,
        passage,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from latest

)

select * from final

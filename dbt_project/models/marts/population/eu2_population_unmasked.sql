-- grain: one row per region, reference date and source. Not masked: for the statistics office only.
with

populations as (

    select * from {{ ref('int_population__united_eu2') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

final as (

    select
        populations.region_code,
        coalesce(regions.region_name, populations.region_code) as region_name,
        populations.region_level,
        populations.source_region_code,
        populations.reference_date,
        populations.source,
        populations.bulgaria_persons,
        populations.romania_persons,
        populations.eu2_persons,
        populations.eu2_precision_persons,
        populations.previous_reference_date,
        populations.change_persons,
        populations.change_pct,
        populations.change_basis,
        populations.printed_change_persons,
        populations.printed_change_pct,
        populations.source_name,
        false as is_suppressed,
        populations.evidence,
        populations.eu2_evidence,
        populations.previous_source_name,
        populations.is_across_sources,
        case
            when populations.change_persons is null then null
            when populations.change_basis = 'as_published' then populations.eu2_evidence
            else {{ weakest_evidence(["'derived'", 'populations.eu2_evidence']) }}
        end as change_evidence
    from populations
    left join regions
        on populations.region_code = regions.region_code

)

select * from final

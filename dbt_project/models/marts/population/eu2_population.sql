-- grain: one row per region, reference date and source.
-- Rows counted from persons are masked whole where one of their counts is small, and so is a change
-- that would give the masked count of the year before away.
with

populations as (

    select * from {{ ref('int_population__united_eu2') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

flagged as (

    select
        populations.*,
        source = 'register' and (
            {{ is_small_cell('bulgaria_persons') }}
            or {{ is_small_cell('romania_persons') }}
            or {{ is_small_cell('eu2_persons') }}
        ) as is_suppressed,
        source = 'register' and (
            {{ is_small_cell('previous_bulgaria_persons') }}
            or {{ is_small_cell('previous_romania_persons') }}
            or {{ is_small_cell('previous_eu2_persons') }}
        ) as is_previous_suppressed
    from populations

),

masked as (

    select
        flagged.*,
        is_suppressed or is_previous_suppressed as is_change_suppressed
    from flagged

),

final as (

    select
        masked.region_code,
        coalesce(regions.region_name, masked.region_code) as region_name,
        masked.region_level,
        masked.source_region_code,
        masked.reference_date,
        masked.source,
        case when not masked.is_suppressed then masked.bulgaria_persons end as bulgaria_persons,
        case when not masked.is_suppressed then masked.romania_persons end as romania_persons,
        case when not masked.is_suppressed then masked.eu2_persons end as eu2_persons,
        case when not masked.is_suppressed then masked.eu2_precision_persons end as eu2_precision_persons,
        masked.previous_reference_date,
        case when not masked.is_change_suppressed then masked.change_persons end as change_persons,
        case when not masked.is_change_suppressed then masked.change_pct end as change_pct,
        case when masked.is_change_suppressed then 'none' else masked.change_basis end as change_basis,
        case when not masked.is_change_suppressed then masked.printed_change_persons end as printed_change_persons,
        case when not masked.is_change_suppressed then masked.printed_change_pct end as printed_change_pct,
        masked.source_name,
        masked.is_suppressed,
        masked.evidence,
        masked.eu2_evidence,
        masked.previous_source_name,
        case when not masked.is_change_suppressed then masked.is_across_sources end as is_across_sources
    from masked
    left join regions
        on masked.region_code = regions.region_code

)

select * from final

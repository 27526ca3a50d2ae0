-- grain: one row per file of microdata, period, region, group and measure.
with

cells as (

    select * from {{ ref('int_disclosure__survey_cell') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

measures as (

    select * from {{ ref('survey_measure') }}

),

final as (

    select
        cells.region_code,
        regions.region_name,
        {{ region_level('cells.region_code') }} as region_level,
        nullif(cells.region_code, '00') as source_region_code,
        cells.reference_year,
        cells.reference_period,
        cells.weight_kind,
        cells.measure,
        measures.label_de as measure_de,
        measures.label_en as measure_en,
        measures.base_de,
        measures.base_en,
        cells.size_class,
        cells.sex,
        cells.age_group,
        cells.background_group,
        trim_scale(100 * cells.shown_share) as share_pct,
        trim_scale(100 * cells.shown_standard_error) as standard_error_pct,
        -- 95 % of a normal distribution; a share cannot leave 0 to 100
        case when cells.is_shown then trim_scale(round(100 * greatest(ends.low, 0), 6)) end as interval_low_pct,
        case when cells.is_shown then trim_scale(round(100 * least(ends.high, 1), 6)) end as interval_high_pct,
        cells.shown_persons as persons,
        case when cells.is_shown then greatest(cells.shown_persons - 500, 0) end as persons_low,
        cells.shown_persons + 500 as persons_high,
        cells.shown_cases as cases,
        cells.shown_clusters as clusters,
        cells.shown_lone_strata as lone_strata,
        case
            when cells.shown_lone_strata > 0 then 'linearised_ratio_lone_at_grand_mean'
            when cells.is_shown then 'linearised_ratio'
        end as variance_method,
        cells.value_sign,
        cells.reason,
        cells.evidence,
        'mikrozensus_microdata' as source,
        cells.held_by_ags,
        cells.source_file_name,
        cells.source_sha256
    from cells
    cross join
        lateral (
            values
            (
                cells.shown_share - 1.959964 * cells.shown_standard_error,
                cells.shown_share + 1.959964 * cells.shown_standard_error
            )
        ) as ends (low, high)
    left join regions
        on cells.region_code = regions.region_code
    left join measures
        on cells.measure = measures.measure

)

select * from final

-- grain: one row per region, reference date and source. Not masked: for the statistics office.
-- What readers see is int_disclosure__united_eu2, by the same macro.
with

series_years as (

    select * from {{ ref('stg_eu2_series__year') }}

),

nationalities as (

    select * from {{ ref('stg_azr_nrw__nationality') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

counted as (

    select * from {{ ref('int_population__counted_register') }}

),

control_totals as (

    select * from {{ ref('control_total') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

register_counts as (

    select
        counted.*,
        0 as eu2_precision_persons,
        counted.eu2_persons as eu2_low_persons,
        counted.eu2_persons as eu2_high_persons,
        false as is_confidential,
        {{ evidence_of_sum(
            'counted.evidence',
            'counted.eu2_persons',
            'control_totals.value',
            'control_totals.evidence',
        ) }} as eu2_evidence
    from counted
    left join control_totals
        on control_totals.source = 'register'
            and control_totals.measure = 'eu2_persons'
            and counted.region_code = control_totals.region_code
            and extract(year from counted.reference_date) = control_totals.reference_year

),

{{ united_eu2('register_counts') }},

final as (

    select
        region_code,
        source_region_code,
        {{ region_level('region_code') }} as region_level,
        reference_date,
        source,
        'EU2' as nationality_group,
        bulgaria_persons,
        romania_persons,
        eu2_persons,
        eu2_precision_persons,
        previous_reference_date,
        previous_eu2_persons,
        change_persons,
        change_pct,
        change_basis,
        change_printed_persons as printed_change_persons,
        change_printed_pct as printed_change_pct,
        source_name,
        evidence,
        eu2_evidence,
        previous_source_name,
        is_across_sources,
        eu2_low_persons,
        eu2_high_persons,
        is_confidential
    from compared

)

select * from final

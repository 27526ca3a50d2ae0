-- grain: one row per region, year, age class, group and source.
-- How many of a group's children are in day care, and which share of the children there the group has, are two things; a
-- source that states one says nothing of the other.
with

delivered_values as (

    select * from {{ ref('stg_early_education__value') }}

),

profiles as (

    {{ printed_day_care() }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

united as (

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
        evidence,
        'early_education' as source
    from delivered_values

    union all

    select
        region_code,
        municipality_name as region_name,
        day_care_year as reference_year,
        cast(null as date) as counted_on,
        'not_stated' as age_class,
        'migration_background' as population_group,
        'day_care_share_pct' as indicator,
        day_care_migration_background_pct as value,
        cast(null as text) as value_sign,
        source_document,
        evidence,
        'structure_tables' as source
    from profiles

),

pivoted as (

    select
        united.region_code,
        max(united.region_name) as region_name,
        united.reference_year,
        united.age_class,
        united.population_group,
        united.source,
        max(united.value) filter (where united.indicator = 'day_care_children') as day_care_children_persons,
        max(united.counted_on) filter (where united.indicator = 'day_care_children') as day_care_counted_on,
        max(united.value) filter (where united.indicator = 'children') as children_persons,
        max(united.counted_on) filter (where united.indicator = 'children') as children_counted_on,
        max(united.value) filter (where united.indicator = 'attendance_pct') as attendance_printed_pct,
        max(united.value) filter (where united.indicator = 'day_care_share_pct') as day_care_share_printed_pct,
        max(united.value) filter (where united.indicator = 'children_share_pct') as children_share_printed_pct,
        max(united.value_sign) as value_sign,
        string_agg(distinct united.source_document, '; ') as source_document,
        max(evidence_classes.evidence_class_rank) as evidence_rank
    from united
    left join evidence_classes
        on united.evidence = evidence_classes.evidence_class
    group by united.region_code, united.reference_year, united.age_class, united.population_group, united.source

),

computed as (

    select
        pivoted.*,
        everybody.day_care_children_persons as all_day_care_children_persons,
        {{ printed_percentage('pivoted.day_care_children_persons', 'pivoted.children_persons') }} as attendance_pct,
        case
            when pivoted.population_group <> 'all'
                then {{ printed_percentage('pivoted.day_care_children_persons', 'everybody.day_care_children_persons') }}
        end as day_care_share_recomputed_pct
    from pivoted
    left join pivoted as everybody
        on everybody.population_group = 'all'
            and pivoted.region_code = everybody.region_code
            and pivoted.reference_year = everybody.reference_year
            and pivoted.age_class = everybody.age_class
            and pivoted.source = everybody.source

),

final as (

    select
        computed.region_code,
        coalesce(regions.region_name, computed.region_name) as region_name,
        {{ region_level('computed.region_code') }} as region_level,
        computed.region_code as source_region_code,
        computed.reference_year,
        computed.age_class,
        computed.population_group,
        cast(computed.day_care_children_persons as bigint) as day_care_children_persons,
        computed.day_care_counted_on,
        cast(computed.children_persons as bigint) as children_persons,
        computed.children_counted_on,
        cast(computed.attendance_pct as numeric(9, 1)) as attendance_pct,
        case
            when computed.day_care_children_persons is null and computed.children_persons is null
                and computed.day_care_share_printed_pct is not null then 'share_is_not_attendance'
            when num_nulls(computed.day_care_children_persons, computed.children_persons) > 0
                and computed.value_sign is not null then 'sign_instead_of_value'
            when computed.day_care_children_persons is null then 'day_care_children_not_delivered'
            when computed.children_persons is null then 'children_not_delivered'
            when computed.children_persons = 0 then 'denominator_not_positive'
        end as attendance_reason,
        case
            when computed.attendance_pct is null then null
            when computed.day_care_counted_on is null or computed.children_counted_on is null then 'not_stated'
            when computed.day_care_counted_on = computed.children_counted_on then 'same_day'
            else 'other_day'
        end as attendance_date_basis,
        cast(computed.attendance_printed_pct as numeric(9, 1)) as attendance_printed_pct,
        cast(computed.all_day_care_children_persons as bigint) as all_day_care_children_persons,
        cast(computed.day_care_share_printed_pct as numeric(9, 1)) as day_care_share_printed_pct,
        cast(computed.day_care_share_recomputed_pct as numeric(9, 1)) as day_care_share_recomputed_pct,
        {{ printed_verdict('computed.day_care_share_printed_pct', 'computed.day_care_share_recomputed_pct') }}
            as day_care_share_verdict,
        cast(computed.children_share_printed_pct as numeric(9, 1)) as children_share_printed_pct,
        computed.value_sign,
        {{ evidence_of_rank('computed.evidence_rank') }} as evidence,
        computed.source,
        computed.source_document,
        case
            when num_nonnulls(computed.attendance_pct, computed.day_care_share_recomputed_pct) > 0
                then {{ weakest_evidence(["'derived'", evidence_of_rank('computed.evidence_rank')]) }}
        end as computed_evidence
    from computed
    left join regions
        on computed.region_code = regions.region_code

)

select * from final

-- grain: one row per municipality, day of the school statistics, age and group of nationalities of a matched file.
-- For the statistics office. Counts are shown by their classes, or not at all (int_disclosure__school_cell); there are no
-- totals, from which a hidden cell would follow. Not on a list is not out of school: schools elsewhere are on no list.
with

cells as (

    select * from {{ ref('int_disclosure__school_cell') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

beside as (

    select
        region_code,
        counted_on,
        age_years,
        nationality_group,
        min(register_on) as register_on,
        min(evidence) as evidence,
        min(source_sha256) as source_sha256,
        max(shown_persons) filter (where cell_group = 'children') as children_persons,
        max(shown_persons) filter (where cell_group = 'on_list') as on_list_persons,
        max(shown_persons) filter (where cell_group = 'not_on_list') as not_on_list_persons
    from cells
    group by region_code, counted_on, age_years, nationality_group

),

-- a register that was drawn before the day does not know who moved until then
reasoned as (

    select
        beside.*,
        case
            when register_on < counted_on then 'register_before_day'
            when on_list_persons is null then 'confidential'
        end as reason
    from beside

),

dated as (

    select
        reasoned.*,
        case when coalesce(reason, '') <> 'register_before_day' then children_persons end as shown_children_persons,
        case when reason is null then on_list_persons end as shown_on_list_persons,
        case when reason is null then not_on_list_persons end as shown_not_on_list_persons
    from reasoned

),

final as (

    select
        dated.region_code,
        coalesce(regions.region_name, dated.region_code) as region_name,
        {{ region_level('dated.region_code') }} as region_level,
        dated.region_code as source_region_code,
        dated.counted_on as reference_date,
        dated.register_on,
        dated.age_years,
        dated.nationality_group as nationality,
        dated.shown_children_persons as children_persons,
        dated.shown_children_persons - {{ class_half() }} as children_low_persons,
        dated.shown_children_persons + {{ class_half() }} as children_high_persons,
        dated.shown_on_list_persons as on_list_persons,
        dated.shown_on_list_persons - {{ class_half() }} as on_list_low_persons,
        dated.shown_on_list_persons + {{ class_half() }} as on_list_high_persons,
        dated.shown_not_on_list_persons as not_on_list_persons,
        dated.shown_not_on_list_persons - {{ class_half() }} as not_on_list_low_persons,
        dated.shown_not_on_list_persons + {{ class_half() }} as not_on_list_high_persons,
        round(100.0 * dated.shown_on_list_persons / dated.shown_children_persons, 1) as coverage_pct,
        round(
            100.0 * (dated.shown_on_list_persons - {{ class_half() }}) / dated.shown_children_persons, 1
        ) as coverage_low_pct,
        round(
            100.0 * (dated.shown_on_list_persons + {{ class_half() }}) / dated.shown_children_persons, 1
        ) as coverage_high_pct,
        cast(null as text) as value_sign,
        dated.reason,
        dated.evidence,
        'pupil_list' as source,
        dated.source_sha256
    from dated
    left join regions
        on dated.region_code = regions.region_code

)

select * from final

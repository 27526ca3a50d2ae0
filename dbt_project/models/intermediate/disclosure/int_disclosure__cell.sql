-- grain: one row per cell of a mart that counts persons or adds up amounts of few units.
-- The one list of what is shown and what is not. Marts read the part of their domain, so that what they are made of is
-- told rightly: a mart of grants is not made of a register. Never published.
with

grant_cells as (

    select
        'grant' as domain,
        'funding_granted' as mart,
        region_code as place,
        begin_year as reference,
        {{ row_key(['delivery_id', 'funder']) }} as cell_group,
        units,
        coalesce(cost_eur, granted_eur) as total_eur,
        case when cost_eur is null then largest_granted_eur else largest_cost_eur end as largest_eur,
        case when cost_eur is null then second_granted_eur else second_cost_eur end as second_largest_eur,
        rule,
        is_shown,
        case when begin_year <> 'all' then 'all' end as parent
    from {{ ref('int_disclosure__grant_cell') }}

),

register_cells as (

    select
        'register' as domain,
        'eu2_population' as mart,
        region_code as place,
        cast(reference_date as text) as reference,
        cell_group,
        exact_persons as units,
        cast(null as numeric) as total_eur,
        cast(null as numeric) as largest_eur,
        cast(null as numeric) as second_largest_eur,
        rule,
        shown_persons is not null as is_shown,
        case when cell_group <> 'EU2' then 'EU2' end as parent
    from {{ ref('int_disclosure__register_cell') }}

),

survey_cells as (

    select
        'survey' as domain,
        'mikrozensus_estimate' as mart,
        region_code as place,
        reference_period as reference,
        {{ row_key(['held_by_ags', 'measure', 'size_class', 'sex', 'age_group', 'background_group']) }} as cell_group,
        yes_cases as units,
        cast(null as numeric) as total_eur,
        cast(null as numeric) as largest_eur,
        cast(null as numeric) as second_largest_eur,
        rule,
        is_shown,
        case
            when (size_class, sex, age_group, background_group) <> ('all', 'all', 'all', 'all')
                then {{ row_key(['held_by_ags', 'measure', "'all'", "'all'", "'all'", "'all'"]) }}
        end as parent
    from {{ ref('int_disclosure__survey_cell') }}

),

district_cells as (

    select
        'register' as domain,
        'city_district_population' as mart,
        {{ row_key(['region_code', 'city_district']) }} as place,
        cast(reference_date as text) as reference,
        nationality as cell_group,
        exact_persons as units,
        cast(null as numeric) as total_eur,
        cast(null as numeric) as largest_eur,
        cast(null as numeric) as second_largest_eur,
        rule,
        shown_persons is not null as is_shown,
        case when nationality_kind <> 'all' then 'ALL' end as parent
    from {{ ref('int_disclosure__district_cell') }}

),

school_cells as (

    select
        'school' as domain,
        'school_coverage' as mart,
        {{ row_key(['region_code', 'age_years']) }} as place,
        cast(counted_on as text) as reference,
        {{ row_key(['nationality_group', 'cell_group']) }} as cell_group,
        exact_persons as units,
        cast(null as numeric) as total_eur,
        cast(null as numeric) as largest_eur,
        cast(null as numeric) as second_largest_eur,
        rule,
        shown_persons is not null as is_shown,
        case when cell_group <> 'children' then {{ row_key(['nationality_group', "'children'"]) }} end as parent
    from {{ ref('int_disclosure__school_cell') }}

),

united as (

    select * from grant_cells
    union all
    select * from register_cells
    union all
    select * from survey_cells
    union all
    select * from district_cells
    union all
    select * from school_cells

),

final as (

    select
        domain,
        mart,
        place,
        reference,
        cell_group,
        units,
        total_eur,
        largest_eur,
        second_largest_eur,
        rule,
        is_shown,
        parent
    from united

)

select * from final

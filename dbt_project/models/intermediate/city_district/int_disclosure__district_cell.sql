-- grain: one row per municipality, reference date, city district and group of a register delivered with districts.
-- The one place where such a count becomes what readers see, by classes alone: docs/decisions/city-districts.md.
with

counted as (

    select * from {{ ref('int_city_district__counted') }}

),

register_cells as (

    -- what readers know of the whole city's group, already
    select
        *,
        case when evidence = 'published' then shown_persons else class_low_persons end as known_low_persons,
        case when evidence = 'published' then shown_persons else class_high_persons end as known_high_persons
    from {{ ref('int_disclosure__register_cell') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

nested as (

    -- groups whose nationalities are all of other groups, such as EU2: their persons count there
    select parts.nationality_group as nationality
    from nationality_groups as parts
    left join nationality_groups as wholes
        on parts.nationality_code = wholes.nationality_code
            and parts.nationality_group <> wholes.nationality_group
    group by parts.nationality_group
    having bool_and(wholes.nationality_code is not null)

),

classed as (

    select
        counted.*,
        counted.nationality_kind = 'group' and nested.nationality is null as is_part,
        {{ count_class('counted.persons') }} as class_persons,
        {{ count_class('sum(counted.persons) over city') }} as city_class_persons,
        count(*) over city as cells
    from counted
    left join nested
        on counted.nationality = nested.nationality
    window city as (partition by counted.region_code, counted.reference_date, counted.nationality)

),

bounded as (

    select
        classed.*,
        coalesce(register_cells.known_low_persons, {{ class_low('classed.city_class_persons') }}) as city_low_persons,
        coalesce(register_cells.known_high_persons, {{ class_high('classed.city_class_persons') }}) as city_high_persons,
        sum(classed.class_persons) over city as classes_sum,
        count(classed.class_persons) over city as classes,
        -- groups that share no person, beside all foreign persons of the district
        sum(classed.class_persons) filter (where classed.is_part) over district as parts_sum,
        count(classed.class_persons) filter (where classed.is_part) over district as parts,
        max(classed.class_persons) filter (where classed.nationality_kind = 'all') over district as whole_class_persons
    from classed
    left join register_cells
        on classed.region_code = register_cells.region_code
            and classed.reference_date = register_cells.reference_date
            and classed.nationality = register_cells.cell_group
    window
        city as (partition by classed.region_code, classed.reference_date, classed.nationality),
        district as (partition by classed.region_code, classed.reference_date, classed.city_district)

),

ruled as (

    select
        bounded.*,
        case
            -- so few that all districts could be below the minimum, and the city's count would tell each of them
            when city_low_persons <= ({{ var('minimum_cell_persons') }} - 1) * cells then 'few_in_city'
            when class_persons is null then 'minimum'
            -- each of the five counts of a class must be left beside the city's count and the other districts
            when
                classes_sum - {{ class_half() }} * classes + 2 * {{ class_half() }} > city_high_persons
                or classes_sum + {{ class_half() }} * classes - 2 * {{ class_half() }}
                + ({{ var('minimum_cell_persons') }} - 1) * (cells - classes) < city_low_persons
                then 'sum_of_districts'
            -- and beside all foreign persons of the district, of whom the groups are parts
            when nationality_kind = 'group'
                and parts_sum - {{ class_half() }} * (parts - 1) > whole_class_persons then 'sum_of_groups'
        end as rule
    from bounded

),

final as (

    select
        region_code,
        reference_date,
        city_district,
        nationality,
        nationality_kind,
        persons as exact_persons,
        rule,
        case when rule is null then class_persons end as shown_persons,
        case when rule is null then {{ class_low('class_persons') }} end as class_low_persons,
        case when rule is null then {{ class_high('class_persons') }} end as class_high_persons,
        evidence,
        source_sha256
    from ruled

)

select * from final

-- grain: one row per delivered list of grants, funder, state and year of beginning, or all years.
-- Which cells of `funding_granted` are shown. Two equations are looked at: the years of a list sum to all years, and what
-- an earlier publication shows can be subtracted. Why a cell is hidden is known here and nowhere that readers look.
with

units as (

    select * from {{ ref('int_disclosure__grant_unit') }}

),

changes as (

    select * from {{ ref('int_disclosure__grant_change') }}

),

published as (

    select * from {{ ref('stg_published__grant') }}

),

{{ protected_cells(
    'units', ['delivery_id', 'funder', 'region_code', 'begin_year'], ['source', 'list_period', 'is_read']
) }},

weighed as (

    select
        protected.*,
        case
            when units < minimum_units then 'few_units'
            when cost_protection_eur > 0 or granted_protection_eur > 0 then 'dominance'
        end as own_rule
    from protected

),

cells as (

    select * from weighed
    where is_read

),

lists as (

    select
        delivery_id,
        sum(units) as units
    from summed
    where begin_year = 'all'
    group by delivery_id

),

-- what readers know of a list, funder and state from each earlier publication that says something else of it
earlier_rows as (

    select
        published.*,
        published.operations is not null as is_shown,
        published.operations is null and weighed.own_rule is null as is_safe_alone,
        -- rows that are gone, or that today's code counts elsewhere: what a change would tell cannot be known
        (
            published.loaded is distinct from lists.units
            or (
                published.operations is not null
                and (
                    published.operations is distinct from weighed.units
                    or published.total_cost_eur is distinct from weighed.cost_eur
                    or published.granted_eur is distinct from weighed.granted_eur
                )
            )
        ) as is_lost
    from published
    left join lists
        on published.delivery_id = lists.delivery_id
    left join weighed
        on published.delivery_id = weighed.delivery_id
            and published.funder = weighed.funder
            and published.region_code = weighed.region_code
            and published.begin_year = weighed.begin_year

),

earlier_contents as (

    select
        source,
        delivery_id,
        list_period,
        funder,
        region_code,
        coalesce(array_agg(begin_year order by begin_year) filter (where is_shown), '{}') as shown_years,
        coalesce(array_agg(begin_year order by begin_year) filter (where not is_shown), '{}') as hidden_years,
        -- without all years no equation holds a hidden year: one that is safe alone tells nothing, whoever knows it
        case
            when bool_or(is_shown) filter (where begin_year = 'all') then '{}'
            else coalesce(array_agg(begin_year order by begin_year) filter (where is_safe_alone), '{}')
        end as untold_years,
        bool_or(is_lost) as is_lost
    from earlier_rows
    group by content_id, source, delivery_id, list_period, funder, region_code

),

earlier as (

    select distinct * from earlier_contents

),

-- a cell beside each of these
beside as (

    select
        cells.delivery_id,
        cells.funder,
        cells.region_code,
        cells.begin_year,
        earlier.delivery_id as earlier_delivery_id,
        earlier.shown_years,
        earlier.hidden_years,
        earlier.is_lost,
        changes.delivery_id is not null and cells.begin_year = any(earlier.hidden_years) as was_hidden_otherwise,
        changes.is_unsafe and not cells.begin_year = any(earlier.untold_years) as is_told_by_difference,
        changes.delivery_id is null and cells.begin_year = any(earlier.hidden_years) as was_hidden,
        changes.delivery_id is null and cells.begin_year = any(earlier.shown_years) as was_shown,
        changes.cost_protection_eur,
        changes.granted_protection_eur
    from cells
    inner join earlier
        on {{ of_one_list('cells', 'earlier') }}
            and cells.funder = earlier.funder
            and cells.region_code = earlier.region_code
    left join changes
        on cells.delivery_id = changes.delivery_id
            and earlier.delivery_id = changes.earlier_delivery_id
            and cells.funder = changes.funder
            and cells.region_code = changes.region_code
            and cells.begin_year = changes.begin_year

),

-- how many hidden years of an earlier publication hold the same grants: they stay hidden, and sums of then and now share them
kept as (

    select
        beside.*,
        count(*) filter (where was_hidden and begin_year <> 'all') over (
            partition by delivery_id, funder, region_code, earlier_delivery_id, shown_years, hidden_years
        ) as kept_years
    from beside

),

-- What two sums share is gone from their difference, which leaves what was hidden then and is not now: a year, where all
-- years were shown; and all years, where every hidden year is the same. So both stay hidden.
weighed_beside as (

    select
        kept.*,
        was_hidden_otherwise
        and kept_years > 0
        and case
            when begin_year = 'all' then kept_years = cardinality(array_remove(hidden_years, 'all'))
            else 'all' = any(shown_years)
        end as is_told_by_sums
    from kept

),

-- the same grants, hidden then, are hidden now; other grants are hidden where too few or too large ones are the difference
compared as (

    select
        delivery_id,
        funder,
        region_code,
        begin_year,
        bool_or(is_lost) as is_lost,
        bool_or(is_told_by_difference) as is_told_by_difference,
        bool_or(was_hidden) as was_hidden,
        bool_or(is_told_by_sums) as is_told_by_sums,
        bool_or(was_shown) as was_shown,
        max(cost_protection_eur) filter (where is_told_by_difference) as cost_protection_eur,
        max(granted_protection_eur) filter (where is_told_by_difference) as granted_protection_eur
    from weighed_beside
    group by delivery_id, funder, region_code, begin_year

),

judged as (

    select
        cells.source,
        cells.delivery_id,
        cells.list_period,
        cells.funder,
        cells.region_code,
        cells.begin_year,
        cells.units,
        cells.cost_eur,
        cells.largest_cost_eur,
        cells.second_cost_eur,
        cells.granted_eur,
        cells.largest_granted_eur,
        cells.second_granted_eur,
        greatest(cells.cost_protection_eur, compared.cost_protection_eur) as cost_protection_eur,
        greatest(cells.granted_protection_eur, compared.granted_protection_eur) as granted_protection_eur,
        coalesce(compared.was_shown, false) as was_shown,
        case
            when cells.own_rule is not null then cells.own_rule
            when compared.is_lost then 'earlier_grants_lost'
            when compared.is_told_by_difference then 'difference'
            when compared.was_hidden then 'hidden_before'
            when compared.is_told_by_sums then 'told_by_sums'
        end as rule
    from cells
    left join compared
        on cells.delivery_id = compared.delivery_id
            and cells.funder = compared.funder
            and cells.region_code = compared.region_code
            and cells.begin_year = compared.begin_year

),

-- where all years are shown, they less the years that are shown are the hidden years together
solvable as (

    select
        source,
        delivery_id,
        list_period,
        funder,
        region_code,
        array_agg(begin_year) filter (where rule is not null) as hidden_years
    from judged
    group by source, delivery_id, list_period, funder, region_code
    having bool_and(rule is null) filter (where begin_year = 'all')
        and bool_or(rule is not null)

),

-- nothing more, or one year more: no year that an earlier publication shows with the same grants
options as (

    select
        solvable.*,
        cast(null as text) as added_year,
        cast(null as bigint) as added_units
    from solvable

    union all

    select
        solvable.*,
        judged.begin_year as added_year,
        judged.units as added_units
    from solvable
    inner join judged
        on solvable.delivery_id = judged.delivery_id
            and solvable.funder = judged.funder
            and solvable.region_code = judged.region_code
    where judged.rule is null
        and judged.begin_year <> 'all'
        and not judged.was_shown

),

members as (

    select
        options.delivery_id,
        options.funder,
        options.region_code,
        options.added_year,
        judged.rule,
        judged.was_shown,
        judged.units,
        judged.cost_protection_eur,
        judged.granted_protection_eur,
        sum(judged.cost_eur) over option - judged.cost_eur as others_cost_eur,
        sum(judged.granted_eur) over option - judged.granted_eur as others_granted_eur
    from options
    inner join judged
        on options.delivery_id = judged.delivery_id
            and options.funder = judged.funder
            and options.region_code = judged.region_code
            and (judged.begin_year = any(options.hidden_years) or options.added_year = judged.begin_year)
    window option as (
        partition by options.delivery_id, options.funder, options.region_code, options.added_year
    )

),

together as (

    select
        delivery_id,
        funder,
        region_code,
        added_year,
        count(*) as years,
        sum(units) as units,
        bool_and(
            rule is null
            or (
                -- one that was shown with the same grants hides nothing
                not was_shown
                and coalesce(others_cost_eur >= cost_protection_eur, true)
                and coalesce(others_granted_eur >= granted_protection_eur, true)
            )
        ) as hides_amounts
    from members
    group by delivery_id, funder, region_code, added_year

),

-- the same of an earlier publication: what changed in the years that either of the two hides is known together
moved as (

    select
        options.delivery_id,
        options.funder,
        options.region_code,
        options.added_year,
        count(*) as years,
        sum(changes.units) as units,
        sum(changes.cost_eur) as cost_eur,
        max(changes.largest_cost_eur) as largest_cost_eur,
        greatest(
            (array_agg(changes.largest_cost_eur order by changes.largest_cost_eur desc nulls last))[2],
            max(changes.second_cost_eur)
        ) as second_cost_eur,
        sum(changes.granted_eur) as granted_eur,
        max(changes.largest_granted_eur) as largest_granted_eur,
        greatest(
            (array_agg(changes.largest_granted_eur order by changes.largest_granted_eur desc nulls last))[2],
            max(changes.second_granted_eur)
        ) as second_granted_eur
    from options
    inner join earlier
        on {{ of_one_list('options', 'earlier') }}
            and options.funder = earlier.funder
            and options.region_code = earlier.region_code
            and 'all' = any(earlier.shown_years)
    inner join changes
        on options.delivery_id = changes.delivery_id
            and earlier.delivery_id = changes.earlier_delivery_id
            and options.funder = changes.funder
            and options.region_code = changes.region_code
            and changes.begin_year <> 'all'
            and (
                changes.begin_year = any(options.hidden_years || earlier.hidden_years)
                or options.added_year = changes.begin_year
            )
    group by
        options.delivery_id, options.funder, options.region_code, options.added_year, earlier.delivery_id,
        earlier.hidden_years

),

moved_safely as (

    select
        moved.delivery_id,
        moved.funder,
        moved.region_code,
        moved.added_year,
        bool_and(
            {{ hides_units('moved.units', 'moved.years', 'parameters') }}
            and {{ protection('moved.cost_eur', 'moved.largest_cost_eur', 'moved.second_cost_eur', 'parameters') }} = 0
            and {{ protection('moved.granted_eur', 'moved.largest_granted_eur', 'moved.second_granted_eur', 'parameters') }} = 0
        ) as is_safe
    from moved
    cross join {{ disclosure_parameters() }} as parameters
    group by moved.delivery_id, moved.funder, moved.region_code, moved.added_year

),

-- of the options that are safe the first: nothing more, else the year of the fewest grants
chosen as (

    select distinct on (options.delivery_id, options.funder, options.region_code)
        options.delivery_id,
        options.funder,
        options.region_code,
        options.added_year
    from options
    inner join together
        on options.delivery_id = together.delivery_id
            and options.funder = together.funder
            and options.region_code = together.region_code
            and options.added_year is not distinct from together.added_year
    left join moved_safely
        on options.delivery_id = moved_safely.delivery_id
            and options.funder = moved_safely.funder
            and options.region_code = moved_safely.region_code
            and options.added_year is not distinct from moved_safely.added_year
    cross join {{ disclosure_parameters() }} as parameters
    where together.years > 1
        and {{ hides_units('together.units', 'together.years', 'parameters') }}
        and together.hides_amounts
        and coalesce(moved_safely.is_safe, true)
    order by
        options.delivery_id, options.funder, options.region_code, options.added_units nulls first, options.added_year

),

decided as (

    select
        judged.*,
        case
            when judged.rule is not null then judged.rule
            when judged.begin_year = chosen.added_year then 'secondary'
            -- no year helps: without the sum no equation is left
            when judged.begin_year = 'all' and solvable.delivery_id is not null and chosen.delivery_id is null
                then 'secondary'
        end as broken_rule
    from judged
    left join solvable
        on judged.delivery_id = solvable.delivery_id
            and judged.funder = solvable.funder
            and judged.region_code = solvable.region_code
    left join chosen
        on judged.delivery_id = chosen.delivery_id
            and judged.funder = chosen.funder
            and judged.region_code = chosen.region_code

),

final as (

    select
        source,
        delivery_id,
        funder,
        region_code,
        begin_year,
        units,
        cost_eur,
        largest_cost_eur,
        second_cost_eur,
        granted_eur,
        largest_granted_eur,
        second_granted_eur,
        broken_rule as rule,
        broken_rule is null as is_shown
    from decided

)

select * from final

-- grain: one row per cell of a list of grants and earlier delivery of that list whose cell holds other grants.
-- Whoever has both publications subtracts: the grants that are in one of the two cells alone are a cell, too.
with

units as (

    select * from {{ ref('int_disclosure__grant_unit') }}

),

lists as (

    select distinct
        source,
        delivery_id,
        list_period,
        is_read
    from units

),

pairs as (

    select
        lists.delivery_id,
        earlier.delivery_id as earlier_delivery_id
    from lists
    inner join lists as earlier
        on {{ of_one_list('lists', 'earlier') }}
            and lists.is_read
            and not earlier.is_read

),

-- those of a list count for it, those of the earlier one against it
signed as (

    select
        pairs.*,
        units.funder,
        units.region_code,
        units.begin_year,
        units.total_cost_eur,
        units.granted_eur,
        sides.sign * units.units as units
    from pairs
    cross join lateral (values (pairs.delivery_id, 1), (pairs.earlier_delivery_id, -1)) as sides (delivery_id, sign)
    inner join units
        on sides.delivery_id = units.delivery_id

),

differing as (

    select
        delivery_id,
        earlier_delivery_id,
        funder,
        region_code,
        begin_year,
        total_cost_eur,
        granted_eur,
        sum(units) as more,
        abs(sum(units)) as units
    from signed
    group by delivery_id, earlier_delivery_id, funder, region_code, begin_year, total_cost_eur, granted_eur
    having sum(units) <> 0

),

{{ protected_cells(
    'differing',
    ['delivery_id', 'earlier_delivery_id', 'funder', 'region_code', 'begin_year'],
    count='greatest(sum(more) filter (where more > 0), -sum(more) filter (where more < 0))',
) }},

final as (

    select
        delivery_id,
        earlier_delivery_id,
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
        cost_protection_eur,
        granted_protection_eur,
        units < minimum_units
        or cost_protection_eur > 0
        or granted_protection_eur > 0 as is_unsafe
    from protected

)

select * from final

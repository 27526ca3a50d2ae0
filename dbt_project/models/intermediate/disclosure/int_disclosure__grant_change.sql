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

signed as (

    select
        pairs.*,
        units.funder,
        units.region_code,
        units.begin_year,
        units.total_cost_eur,
        units.granted_eur,
        units.units
    from pairs
    inner join units
        on pairs.delivery_id = units.delivery_id

    union all

    select
        pairs.*,
        units.funder,
        units.region_code,
        units.begin_year,
        units.total_cost_eur,
        units.granted_eur,
        -units.units as units
    from pairs
    inner join units
        on pairs.earlier_delivery_id = units.delivery_id

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

placed as (

    select
        differing.*,
        sum(units) over (cells order by total_cost_eur desc nulls last, granted_eur asc) as cost_place,
        sum(units) over (cells order by granted_eur desc nulls last, total_cost_eur asc) as granted_place
    from differing
    window cells as (partition by delivery_id, earlier_delivery_id, funder, region_code, begin_year)

),

summed as (

    select
        delivery_id,
        earlier_delivery_id,
        funder,
        region_code,
        begin_year,
        greatest(sum(more) filter (where more > 0), -sum(more) filter (where more < 0)) as units,
        {{ amounts_of_units('total_cost_eur', 'cost_place', 'cost') }},
        {{ amounts_of_units('granted_eur', 'granted_place', 'granted') }}
    from placed
    group by delivery_id, earlier_delivery_id, funder, region_code, begin_year

),

protected as (

    select
        summed.*,
        parameters.minimum_units,
        {{ protection('cost_eur', 'largest_cost_eur', 'second_cost_eur', 'parameters') }} as cost_protection_eur,
        {{ protection('granted_eur', 'largest_granted_eur', 'second_granted_eur', 'parameters') }} as granted_protection_eur
    from summed
    cross join {{ disclosure_parameters() }} as parameters

),

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

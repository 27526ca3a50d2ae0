{#- Sum of the `count` largest amounts, in a group; `place` is the running sum of `units`, the largest amount first. -#}
{% macro largest(amount, place, units, count) -%}
coalesce(sum({{ amount }} * (least({{ place }}, {{ count }}) - least({{ place }} - {{ units }}, {{ count }}))), 0)
{%- endmacro %}

{#-
    By how much an amount must stay uncertain upwards; above zero where it is primary by the p-percent or the (n,k) rule.

    p-percent: the second contributor knows the total and its own part, so the rest must hide p percent of the first.
    (n,k): the n largest may hold k percent of what the total could be. `parameters` is macro disclosure_parameters.
-#}
{% macro protection(total, first, second, parameters) -%}
greatest(
    {{ first }} * {{ parameters }}.p_percent / 100 - ({{ total }} - {{ first }} - {{ second }}),
    ({{ first }} + case when {{ parameters }}.dominance_units >= 2 then {{ second }} else 0 end)
    * 100 / {{ parameters }}.dominance_percent - {{ total }},
    0
)
{%- endmacro %}

{#- The parameters of the seed disclosure_parameter as one row. -#}
{% macro disclosure_parameters() -%}
(
    select
        max(value) filter (where parameter = 'minimum_units') as minimum_units,
        max(value) filter (where parameter = 'p_percent') as p_percent,
        max(value) filter (where parameter = 'dominance_units') as dominance_units,
        max(value) filter (where parameter = 'dominance_percent') as dominance_percent
    from {{ ref('disclosure_parameter') }}
)
{%- endmacro %}

{#-
    Whether hidden years that sum to a known number of units can be solved for none of them. Each holds one at least: of
    few units too many none is free, and twice as many as years are two each to whoever believes that all are small.
-#}
{% macro hides_units(units, years, parameters) -%}
{{ units }} >= {{ years }} + {{ parameters }}.minimum_units - 1 and {{ units }} <> 2 * {{ years }}
{%- endmacro %}

{#-
    Columns of a group of units: what an amount sums to, and its two largest parts; empty where it is not known of every
    unit, for then no sum is shown. They are named <name>_eur, largest_<name>_eur, second_<name>_eur.
-#}
{% macro amounts_of_units(amount, place, name) -%}
case when count({{ amount }}) = count(*) then sum({{ amount }} * units) end as {{ name }}_eur,
case
    when count({{ amount }}) = count(*) then {{ largest(amount, place, 'units', 1) }}
end as largest_{{ name }}_eur,
case
    when count({{ amount }}) = count(*)
        then {{ largest(amount, place, 'units', 2) }} - {{ largest(amount, place, 'units', 1) }}
end as second_{{ name }}_eur
{%- endmacro %}

{#-
    CTEs that add up units (CTE or relation `units`: amounts of a grant, and how many of them) by cell, each with its two
    largest parts and what it must stay uncertain by. `cell` are the columns of a cell, `kept` those that are the same in
    all of it, `count` how many units it has. The last CTE is `protected`.
-#}
{% macro protected_cells(units, cell, kept=[], count='sum(units)') -%}
placed as (

    select
        {{ units }}.*,
        sum(units) over (cells order by total_cost_eur desc nulls last, granted_eur asc) as cost_place,
        sum(units) over (cells order by granted_eur desc nulls last, total_cost_eur asc) as granted_place
    from {{ units }}
    window cells as (partition by {{ cell | join(', ') }})

),

summed as (

    select
        {{ (kept + cell) | join(',\n        ') }},
        {{ count }} as units,
        {{ amounts_of_units('total_cost_eur', 'cost_place', 'cost') }},
        {{ amounts_of_units('granted_eur', 'granted_place', 'granted') }}
    from placed
    group by {{ (kept + cell) | join(', ') }}

),

protected as (

    select
        summed.*,
        parameters.minimum_units,
        {{ protection('cost_eur', 'largest_cost_eur', 'second_cost_eur', 'parameters') }} as cost_protection_eur,
        {{ protection('granted_eur', 'largest_granted_eur', 'second_granted_eur', 'parameters') }} as granted_protection_eur
    from summed
    cross join {{ disclosure_parameters() }} as parameters

)
{%- endmacro %}

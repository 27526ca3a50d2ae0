{#- Date at which persons are counted for a year, by the rule of a method or of a lump sum. -#}
{% macro reference_date(rule, year) -%}
case {{ rule }}
    when 'year_end' then make_date({{ year }}, 12, 31)
    when 'previous_year_end' then make_date({{ year }} - 1, 12, 31)
end
{%- endmacro %}

{#- Persons over whom the cost is spread, by the method's rule. -#}
{% macro denominator(rule, population, employees) -%}
case {{ rule }}
    when 'population_minus_employees' then {{ population }} - {{ employees }}
    when 'population' then {{ population }}
end
{%- endmacro %}

{#- Share in percent; no share of nothing. -#}
{% macro percentage(part, whole) -%}
100.0 * {{ part }} / nullif({{ whole }}, 0)
{%- endmacro %}

{#- Share in percent, rounded to one decimal as the sources print it. -#}
{% macro printed_percentage(part, whole) -%}
round({{ percentage(part, whole) }}, 1)
{%- endmacro %}

{#- Whether a printed value agrees with its recomputation. -#}
{% macro printed_verdict(printed, recomputed) -%}
case
    when {{ printed }} is null or {{ recomputed }} is null then 'not_recomputable'
    when {{ printed }} = {{ recomputed }} then 'agrees'
    else 'differs'
end
{%- endmacro %}

{#- The group's part of an amount in EUR, rounded to the cent; what is left is a row of its own. -#}
{% macro amount_by_share(amount, numerator, denominator) -%}
round({{ amount }} * {{ numerator }} / {{ denominator }}, 2)
{%- endmacro %}

{#- Cost per person of the denominator, not rounded. -#}
{% macro rate(cost, denominator) -%}
{{ cost }} / {{ denominator }}
{%- endmacro %}

{#- Why there is no rate: the count is a sign, what it is spread over was not delivered or is nothing. -#}
{% macro rate_reason(count, whole, missing) -%}
case
    when {{ count }} is null then 'sign_instead_of_value'
    when {{ whole }} is null then '{{ missing }}'
    when {{ whole }} <= 0 then 'denominator_not_positive'
end
{%- endmacro %}

{#-
    Class of a count of persons of a register: the nearest multiple of the base (never a tie, as the base is odd), and NULL
    below the minimum, where a zero is hidden with one and two. A pure function of the count: the same in every place,
    year and publication. Whatever a reader sees of such a count is made from its class alone.
-#}
{% macro count_class(persons) -%}
case
    when {{ persons }} >= {{ var('minimum_cell_persons') }}
        then cast(
            round({{ persons }} / cast({{ var('register_rounding_base') }} as numeric)) * {{ var('register_rounding_base') }}
            as bigint
        )
end
{%- endmacro %}

{#- Fewest and most persons of a class; of the hidden one all below the minimum. -#}
{% macro class_low(class) -%}
coalesce({{ class }} - {{ var('register_rounding_base') }} / 2, 0)
{%- endmacro %}

{#- By how many persons a count may be off from its class. -#}
{% macro class_half() -%}
({{ var('register_rounding_base') }} / 2)
{%- endmacro %}

{% macro class_high(class) -%}
coalesce({{ class }} + {{ var('register_rounding_base') }} / 2, {{ var('minimum_cell_persons') }} - 1)
{%- endmacro %}

{#-
    Whether the classes of two parts may stand beside that of their whole: only where they sum to it. Otherwise the
    three together would leave the parts fewer than all counts of their classes (3 + 3 = 6: 5, 5 and 5 mean 3 or 4).
-#}
{% macro is_split_shown(first, second, whole) -%}
coalesce({{ first }} + {{ second }} = {{ whole }}, false)
{%- endmacro %}

{#-
    The first of 1, 2, 5, 10, 20, 50 ... EUR at which the cost over any count from `low` to `high` rounds to one and the
    same rate: that of the exact count, which the rate then does not tell. The ends suffice, what is between them falls.
-#}
{% macro rate_step(cost, low, high) -%}
(
    select min(steps.step_eur)
    from (
        select trim_scale(digit * power(10::numeric, exponent)) as step_eur
        from unnest(array[1, 2, 5]) as digit
        cross join generate_series(0, 18) as exponent
    ) as steps
    where round({{ cost }} / {{ low }} / steps.step_eur) = round({{ cost }} / {{ high }} / steps.step_eur)
)
{%- endmacro %}

{#- Whether a published value, give or take the half width of its print, meets what `low` to `high` allows. -#}
{% macro meets_published(low, high, published, half_width) -%}
(
    {{ published }} between {{ low }} and {{ high }}
    or ({{ high }} >= {{ published }} - {{ half_width }} and {{ low }} < {{ published }} + {{ half_width }})
)
{%- endmacro %}

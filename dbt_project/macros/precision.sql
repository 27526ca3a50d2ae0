{#- Step of the last printed digit that is not zero: 6,000 is printed in thousands, 17,700,000 in hundred thousands. -#}
{% macro print_step(value) -%}
case
    when scale(trim_scale({{ value }})) > 0 then power(10::numeric, -scale(trim_scale({{ value }})))
    else power(10::numeric, length(trunc({{ value }})::text) - length(rtrim(trunc({{ value }})::text, '0')))
end
{%- endmacro %}

{#-
    Lower and upper end of what a printed value may stand for, by the seed print_precision joined as `precision`;
    `width` is narrow or wide. NULL is no end, or a precision that the print does not state.
-#}
{% macro lower_end(value, precision, width='narrow') -%}
case when {{ precision }}.has_lower_bound then {{ value }} - {{ precision }}.{{ width }}_below * {{ print_step(value) }} end
{%- endmacro %}

{% macro upper_end(value, precision, width='narrow') -%}
case when {{ precision }}.has_upper_bound then {{ value }} + {{ precision }}.{{ width }}_above * {{ print_step(value) }} end
{%- endmacro %}

{#- The same as text, `[2;3)`: square brackets hold their end, round ones do not; `floor` and `ceiling` are the unit's. -#}
{% macro interval_text(low, high, floor='null', ceiling='null') -%}
case when lower_bracket is not null then
    case when {{ low }} is null and {{ floor }} is not null then '[' else lower_bracket end
    || coalesce(trim_scale(coalesce({{ low }}, {{ floor }}))::text, '')
    || ';'
    || coalesce(trim_scale(coalesce({{ high }}, {{ ceiling }}))::text, '')
    || case when {{ high }} is null and {{ ceiling }} is not null then ']' else upper_bracket end
end
{%- endmacro %}

{#-
    By how much an amount may differ from what is printed of it, in EUR: half a step of its last decimal in a unit of
    `unit_eur`; to the cent and beyond it is exact.
-#}
{% macro printed_half_width(printed, unit_eur) -%}
case
    when {{ unit_eur }} * power(10::numeric, -scale({{ printed }})) <= 0.01 then 0
    else trim_scale({{ unit_eur }} * power(10::numeric, -scale({{ printed }})) / 2)
end
{%- endmacro %}

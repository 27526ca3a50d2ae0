{#- The variables of a flat table as rows: number, variable_code, variable_label, code, label; a slot that it lacks is null. -#}
{% macro genesis_slots(relation) -%}
values
{%- for number in range(1, 7) %}
({{ number }}, {{ relation }}.slot_{{ number }}_variable_code, {{ relation }}.slot_{{ number }}_variable_label, {{ relation }}.slot_{{ number }}_code, {{ relation }}.slot_{{ number }}_label){{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro %}

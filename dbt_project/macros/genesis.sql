{#- The variables of a flat table as rows: number, variable_code, variable_label, code, label; a slot that it lacks is null. -#}
{% macro genesis_slots(relation) -%}
values
{%- for number in range(1, 7) %}
({{ number }}, {{ relation }}.slot_{{ number }}_variable_code, {{ relation }}.slot_{{ number }}_variable_label, {{ relation }}.slot_{{ number }}_code, {{ relation }}.slot_{{ number }}_label){{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro %}

{#- The attribute of a variable in `classification_codes` of a row; empty is the total, also where the table lacks the variable. -#}
{% macro genesis_attribute(codes, variables) -%}
coalesce(substring({{ codes }} from '(?:^|;)(?:{{ variables }})=([^;]*)'), '')
{%- endmacro %}

{#- Whether a row is told apart by these variables alone: a total over each other one, by the empty code. -#}
{% macro genesis_is_by(codes, variables) -%}
regexp_replace({{ codes }}, '(?:^|;)(?:{{ variables }})=[^;]*', '', 'g') !~ '=[^;]'
{%- endmacro %}

{#- Sex by the code of GENESIS' variable GES; a code that is not known stays as it was delivered. -#}
{% macro genesis_sex(code) -%}
case {{ code }} when '' then 'all' when 'GESM' then 'male' when 'GESW' then 'female' else {{ code }} end
{%- endmacro %}

{#- Nationality by the code of GENESIS' variables STAAG: ALL, the key's three digits, else the code as it was delivered. -#}
{% macro genesis_nationality(code) -%}
case
    when {{ code }} = '' then 'ALL'
    when {{ code }} ~ '^ST[0-9]{3}$' then right({{ code }}, 3)
    else {{ code }}
end
{%- endmacro %}

{#- What such a nationality is: all persons, one key (also stateless and unclear), or a group of keys. -#}
{% macro genesis_nationality_kind(nationality) -%}
case
    when {{ nationality }} = 'ALL' then 'all'
    when {{ nationality }} ~ '^([0-9]{3}|UNK)$' then 'country'
    else 'group'
end
{%- endmacro %}

{#- The name that a table gives an attribute of a variable of such a name; empty where it has none. -#}
{% macro genesis_name(classification, variable) -%}
substring({{ classification }} from '(?:^|; ){{ variable }}: ([^;]*)')
{%- endmacro %}

{#- Fewest of what a rounded count can be; NULL where count or rounding is not known (`greatest` alone would make that 0). -#}
{% macro rounded_low(count, rounded_to) -%}
case when {{ count }} - {{ rounded_to }} / 2 is not null then greatest({{ count }} - {{ rounded_to }} / 2, 0) end
{%- endmacro %}

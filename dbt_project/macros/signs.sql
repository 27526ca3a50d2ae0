{#-
    Why a cell of an official table has no number, by its sign. A dash is never taken for zero; where it is known that the
    table rounds and prints numbers for the place, `is_rounded_away` says so.
-#}
{% macro sign_reason(sign, is_rounded_away='false') -%}
case
    when {{ sign }} = '-' and {{ is_rounded_away }} then 'none_or_rounded_away'
    when {{ sign }} = '-' then 'dash_is_no_zero'
    when {{ sign }} = '.' then 'unknown_or_secret'
    when {{ sign }} = '*' then 'confidential'
    when {{ sign }} = 'x' then 'cell_blocked'
    when {{ sign }} = '/' then 'too_unreliable'
    when {{ sign }} = '...' then 'published_later'
end
{%- endmacro %}

{#-
    Key of a region as the house writes it: a district that is a town of its own (kreisfreie Stadt)
    becomes its municipality key (AGS, eight digits), every other key stays as delivered. The rule is
    the word in the delivered name; the digits alone do not say it (05334 is a Städteregion).
-#}
{% macro region_key(region_code, region_name) -%}
case
    when length({{ region_code }}) = 5
        and (
            {{ region_name }} like '%krfr. Stadt%'
            or {{ region_name }} like '%kreisfreie Stadt%'
            or {{ region_name }} like '%Stadtkreis%'
        ) then {{ region_code }} || '000'
    else {{ region_code }}
end
{%- endmacro %}

{#- Level of a region, by the length of its key (00 is Germany). -#}
{% macro region_level(region_code) -%}
case
    when {{ region_code }} = '00' then 'country'
    when length({{ region_code }}) = 2 then 'state'
    when length({{ region_code }}) = 3 then 'administrative_region'
    when length({{ region_code }}) = 5 then 'district'
    when length({{ region_code }}) = 8 then 'municipality'
end
{%- endmacro %}

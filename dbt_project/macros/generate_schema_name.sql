{#- Everything a build writes lies in one schema; readers see `marts`, which the publication fills. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema }}
{%- endmacro %}

{#-
    Tell the planner at once how large a table is: until autovacuum comes by, five rows of a seed are taken for
    hundreds, and millions of postings are sorted on disk to be joined with them. Nothing for a view.
-#}
{% macro statistics() -%}
{%- if model.config.materialized != 'view' -%}analyze {{ this }}{%- endif -%}
{%- endmacro %}

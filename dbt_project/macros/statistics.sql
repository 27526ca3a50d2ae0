{#-
    Tell the planner at once how large a table is: until autovacuum comes by, five rows of a seed are taken for
    hundreds, and millions of postings are sorted on disk to be joined with them. Nothing for a view.
-#}
{% macro statistics() -%}
{%- if model.config.materialized != 'view' -%}analyze {{ this }}{%- endif -%}
{%- endmacro %}

{#-
    For a model that adds up millions of lines: the planner believes their totals to be many, too, and would rather sort
    the lines on disk by seven texts than hash them. Holds until the model's transaction ends.
-#}
{% macro hashed_not_sorted() -%}
set local enable_sort = off
{%- endmacro %}

{#-
    For a model that joins all persons of a state: where the smaller side of a join does not fit into memory, the larger one
    goes to disk, too. Taken only as far as it is needed; holds until the model's transaction ends.
-#}
{% macro room_to_hash() -%}
set local work_mem = '256MB'
{%- endmacro %}

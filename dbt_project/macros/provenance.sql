{#- Key of a mart's row as the tree of a figure has it: the values of the mart's key columns, in their order. -#}
{% macro row_key(columns) -%}
concat_ws('|', {{ columns | join(', ') }})
{%- endmacro %}

{#- The same of a row of `cost_component`. -#}
{% macro component_key(components) -%}
{%- set columns = [
    'municipality_ags', 'fiscal_year', 'method', 'product_code', 'account_code', 'target_group', 'treatment',
    'source_sha256',
] -%}
{%- set named = [] -%}
{%- for column in columns %}{% do named.append(components ~ '.' ~ column) %}{% endfor -%}
{{ row_key(named) }}
{%- endmacro %}

{#- Lines of a file that follow each other, such as 2-14; one alone is 17. -#}
{% macro line_range(first_line, last_line) -%}
case
    when {{ first_line }} = {{ last_line }} then cast({{ first_line }} as text)
    else {{ first_line }} || '-' || {{ last_line }}
end
{%- endmacro %}

{#-
    The columns of a node, in the order of every model of nodes. The relation that is read has the
    columns that say which tree it is (mart, row_key, figure, region_code, reference_year, method); the arguments are
    SQL expressions, and what is not given is NULL. `figure` only where the relation does not name it.
-#}
{% macro node(path, kind, operation, label, value) -%}
mart,
row_key,
{% if 'figure' in kwargs %}{{ kwargs['figure'] }} as {% endif %}figure,
region_code,
reference_year,
method,
{{ path }} as node_path,
{{ kind }} as node_kind,
{{ operation }} as operation,
{{ label }} as label,
{%- for name, type in [
    ('detail_de', 'text'),
    ('detail_en', 'text'),
    ('digits', 'integer'),
    ('evidence', 'text'),
    ('reason', 'text'),
    ('source', 'text'),
    ('sha256', 'text'),
    ('first_line', 'bigint'),
    ('last_line', 'bigint'),
    ('row_count', 'bigint'),
    ('row_numbers', 'text'),
    ('refers_to_mart', 'text'),
    ('refers_to_row_key', 'text'),
    ('refers_to_figure', 'text'),
    ('refers_to_path', 'text'),
] %}
cast({{ kwargs.get(name, 'null') }} as {{ type }}) as {{ name }},
{%- endfor %}
cast({{ value }} as numeric) as value
{%- endmacro %}

{#- A delivered row as a leaf: one line of one file. -#}
{% macro row_leaf(path, label, value) -%}
{{ node(
    path, "'delivery_rows'", "'read'", label, value,
    source='source', sha256='source_sha256', evidence='evidence',
    first_line='line_number', last_line='line_number', row_count='1', row_numbers='cast(line_number as text)',
    detail_de=kwargs.get('detail', 'null'), detail_en=kwargs.get('detail', 'null')
) }}
{%- endmacro %}

{#- Trees of figures that are one delivered line each: the figure and its leaf. -#}
{% macro line_nodes(lines) -%}
select
    {{ node("'1'", "'figure'", "'read'", 'figure', 'value', evidence='evidence') }}
from {{ lines }}

union all

select
    {{ row_leaf("'1.1'", 'figure', 'value') }}
from {{ lines }}
{%- endmacro %}

{#- The same columns by name, as the last CTE of every model of nodes lists them. -#}
{% macro node_columns() -%}
mart,
row_key,
figure,
region_code,
reference_year,
method,
node_path,
node_kind,
operation,
label,
detail_de,
detail_en,
digits,
evidence,
reason,
source,
sha256,
first_line,
last_line,
row_count,
row_numbers,
refers_to_mart,
refers_to_row_key,
refers_to_figure,
refers_to_path,
value
{%- endmacro %}

{#- All nodes of models of nodes. -#}
{% macro united_nodes(relations) -%}
{%- for relation in relations %}
select {{ node_columns() | replace('\n', ' ') }}
from {{ relation }}
{%- if not loop.last %}

union all
{% endif %}
{%- endfor %}
{%- endmacro %}

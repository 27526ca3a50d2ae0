{#-
    What a mart's YAML says of the trees of its figures (meta.trees): figure -> declaration. dbt knows it when a statement
    is made, not when the project is parsed; until then, and for sqlfluff, there is one figure that stands for all.
-#}
{% macro declared_trees(mart) -%}
{%- if execute -%}
    {{ return(graph.nodes['model.' ~ project_name ~ '.' ~ mart].config.meta.trees) }}
{%- else -%}
    {{ return({'figure': {'read': 'value', 'operation': 'difference', 'of': ['value', 'value']}}) }}
{%- endif -%}
{%- endmacro %}

{#-
    The figures of a mart that are read from a delivered row as they stand there, as rows (what is read, figure). Where
    `columns` is the row's relation, what is read are its columns, and the first value is the figure's own.
-#}
{% macro read_figures(mart, columns=none) -%}
{%- set rows = [] -%}
{%- for figure, tree in declared_trees(mart).items() if tree.read is defined -%}
    {%- set value = "cast(" ~ columns ~ "." ~ tree.read ~ " as numeric)" if columns else "'" ~ tree.read ~ "'" -%}
    {%- do rows.append("(" ~ value ~ ", '" ~ figure ~ "')") -%}
{%- endfor -%}
{{ rows | join(',\n') }}
{%- endmacro %}

{#- The same of several marts that are read from one source with a row a value: mart, indicator, figure. -#}
{% macro read_figures_of(marts) -%}
{%- for mart in marts -%}
select '{{ mart }}' as mart, indicator, figure from (values {{ read_figures(mart) }}) as named (indicator, figure)
{%- if not loop.last %} union all {% endif -%}
{%- endfor -%}
{%- endmacro %}

{#-
    The trees of the figures of a mart that are computed from two figures with trees of their own. `trees` is a CTE with
    the mart's columns, and those that say which tree it is (see node()) but for the figure. Its `evidence` is that of the
    row; what is computed is at most derived.
-#}
{% macro computed_nodes(mart, trees) -%}
{%- set all_trees = declared_trees(mart) -%}
{%- set branches = [] -%}
{%- for figure, tree in all_trees.items() if tree.operation is defined -%}
    {%- do branches.append(node(
        "'1'", "'figure'", "'" ~ tree.operation ~ "'", "'" ~ figure ~ "'", figure, figure="'" ~ figure ~ "'",
        digits=tree.digits | default('null'), evidence=weakest_evidence(["'derived'", 'evidence']),
        reason=tree.reason | default('null')
    ) ~ "\nfrom " ~ trees ~ "\nwhere " ~ figure ~ " is not null") -%}
    {%- for operand in tree.of -%}
        {%- do branches.append(
            operand_node(mart, figure, loop.index, operand) ~ "\nfrom " ~ trees ~ "\nwhere " ~ figure ~ " is not null"
        ) -%}
    {%- endfor -%}
{%- endfor -%}
select
{{ branches | join('\n\nunion all\n\nselect\n') }}
{%- endmacro %}

{#-
    An operand of a computed figure: a column of the same row, or of another mart's row (`of`: mart.figure, `key`: the
    columns that lead there). Where the column has no tree of its own, the node of the tree that it is a part of.
-#}
{% macro operand_node(mart, figure, number, operand) -%}
{%- if operand is string -%}
    {%- set operand = {'column': operand, 'of': mart ~ '.' ~ operand} -%}
{%- endif -%}
{%- set target_mart, target = operand.of.split('.') -%}
{%- set tree = declared_trees(target_mart)[target] | default({}) -%}
{{ node(
    "'1." ~ number ~ "'", "'figure_reference'", "'refers'", "'" ~ target ~ "'", operand.column,
    figure="'" ~ figure ~ "'",
    refers_to_mart="'" ~ target_mart ~ "'",
    refers_to_row_key=row_key(operand.key) if operand.key is defined else 'row_key',
    refers_to_figure="'" ~ tree.part_of | default(target) ~ "'",
    refers_to_path="'" ~ tree.path | default('1') ~ "'"
) }}
{%- endmacro %}

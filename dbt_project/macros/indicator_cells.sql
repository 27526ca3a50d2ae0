{#-
    A cell of a table as text that does not depend on the order of its variables: `GES=GESW;NAT=NATA`, attributes sorted,
    totals over a variable (`NAT=`) left out.
-#}
{% macro canonical_cell(codes) -%}
array_to_string(
    array(
        select attribute
        from unnest(string_to_array({{ codes }}, ';')) as attribute
        where attribute not like '%='
        order by attribute
    ), ';'
)
{%- endmacro %}

{#- The columns that name a definition and what of it is computed. -#}
{% macro definition_key() -%}
{{ return(['indicator_set', 'indicator_code', 'definition_version', 'category', 'population_group']) }}
{%- endmacro %}

{#- The same of one value of `indicator`, as the trees have it. -#}
{% macro indicator_key() -%}
{{ row_key(definition_key() + ['sex', 'source_region_code', 'time_text']) }}
{%- endmacro %}

{#-
    The delivered cells of every operand of every indicator: one row per definition, sex, operand, place, time and cell.
    `statistics` is official_statistic.
-#}
{% macro indicator_cells(statistics) -%}
select
    selections.*,
    statistics.source_region_code,
    coalesce(statistics.region_code, statistics.source_region_code) as region_code,
    statistics.region_name,
    statistics.time_text,
    statistics.reference_date,
    statistics.reference_year,
    statistics.value,
    statistics.value_sign,
    statistics.rounded_to,
    statistics.evidence,
    statistics.source_sha256,
    statistics.line_number
from {{ ref('int_indicator__selection') }} as selections
inner join {{ statistics }} as statistics
    on selections.table_code = statistics.table_code
        and selections.measure_code = statistics.measure_code
        and selections.cell = {{ canonical_cell('statistics.classification_codes') }}
        and statistics.reference_year between selections.first_year and selections.last_year
{%- endmacro %}

{#- An operand of each value: the sum of its cells, missing where one of them is. -#}
{% macro indicator_operands(cells) -%}
select
    {{ definition_key() | join(', ') }},
    sex,
    operand,
    table_code,
    region_code,
    time_text,
    max(source_region_code) as source_region_code,
    max(region_name) as region_name,
    max(reference_date) as reference_date,
    max(reference_year) as reference_year,
    case when count(value) = max(cell_count) then sum(value) end as value,
    sum(coalesce((rounded_to - 1) / 2.0, 0)) as half_width,
    string_agg(distinct value_sign, ' ') as value_sign,
    count(*) < max(cell_count) as has_undelivered_cell,
    max(cell_count) as cell_count,
    min(source_sha256) as source_sha256,
    min(line_number) as line_number,
    max(classes.evidence_class_rank) as evidence_rank
from {{ cells }} as cells
left join {{ ref('evidence_class') }} as classes
    on cells.evidence = classes.evidence_class
group by {{ definition_key() | join(', ') }}, sex, operand, table_code, region_code, time_text
{%- endmacro %}

{#-
    The operands of each value side by side: of several denominators of a year the one of the nearest day.
    `definitions` is indicator_definition.
-#}
{% macro indicator_pairs(operands, definitions) -%}
select distinct on (
    {%- for column in definition_key() %} numerator.{{ column }},{% endfor %} numerator.sex, numerator.region_code, numerator.time_text
)
    numerator.*,
    definitions.formula,
    definitions.unit,
    definitions.label_de,
    definitions.label_en,
    definitions.group_de,
    definitions.group_en,
    definitions.days_apart_max,
    definitions.compared_with,
    definitions.source_document,
    denominator.table_code as denominator_table,
    denominator.time_text as denominator_time,
    denominator.value as denominator,
    denominator.half_width as denominator_half_width,
    denominator.evidence_rank as denominator_evidence_rank,
    abs(
        cast(numerator.reference_date - make_interval(years => definitions.years_back) as date)
        - denominator.reference_date
    ) as days_apart
from {{ operands }} as numerator
inner join {{ definitions }} as definitions
    on {% for column in definition_key() %}numerator.{{ column }} = definitions.{{ column }}{% if not loop.last %}
        and {% endif %}{% endfor %}
left join {{ operands }} as denominator
    on {% for column in definition_key() %}numerator.{{ column }} = denominator.{{ column }}
        and {% endfor %}numerator.sex = denominator.sex
        and numerator.region_code = denominator.region_code
        and numerator.reference_year - definitions.years_back = denominator.reference_year
        and denominator.operand = 'denominator'
where numerator.operand = 'numerator'
order by
    {%- for column in definition_key() %} numerator.{{ column }},{% endfor %} numerator.sex, numerator.region_code, numerator.time_text,
    days_apart asc nulls last, denominator.time_text asc
{%- endmacro %}

{#- What the definition's formula makes of the two operands, where nothing speaks against it. -#}
{% macro indicator_result(numerator, denominator) -%}
case
    when reason is not null then null
    when formula = 'count' then {{ numerator }}
    else round(100 * ({{ numerator }}) / nullif({{ denominator }}, 0), 2)
end
{%- endmacro %}

{#- The delivered cells below the operands of each computed value. `trees` are rows of `indicator` with their keys. -#}
{% macro indicator_leaves(trees, cells) -%}
select
    trees.mart,
    trees.row_key,
    trees.figure,
    trees.region_code,
    trees.reference_year,
    trees.method,
    case when cells.operand = 'numerator' then '1.1' else '1.2' end as operand_path,
    row_number() over (
        partition by trees.row_key, cells.operand
        order by cells.source_sha256, cells.line_number
    ) as part_number,
    cells.table_code || ' ' || cells.cell as detail,
    'genesis' as source,
    cells.value,
    cells.evidence,
    cells.source_sha256,
    cells.line_number
from {{ trees }} as trees
inner join {{ cells }} as cells
    on trees.source = 'genesis'
        {% for column in definition_key() %}and trees.{{ column }} = cells.{{ column }}
        {% endfor %}and trees.sex = cells.sex
        and coalesce(trees.region_code, trees.source_region_code) = cells.region_code
        and cells.time_text = case
            when cells.operand = 'numerator' then trees.time_text
            else trees.denominator_time
        end
        and cells.table_code = case
            when cells.operand = 'numerator' then trees.numerator_table
            else trees.denominator_table
        end
{%- endmacro %}

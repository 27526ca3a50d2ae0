{#- A place in a tree where persons or employees of a region and day stand, as far as the mart shows them. -#}
{% macro counted_use(path, label, counted, evidence, source, region='region_code', place_basis="'residence'") -%}
mart,
row_key,
figure,
region_code,
reference_year,
method,
'{{ path }}' as node_path,
'{{ label }}' as label,
{{ counted }} as counted,
{{ evidence }} as evidence,
{{ source }} as source,
{{ region }} as counted_region_code,
reference_date,
{{ place_basis }} as place_basis
{%- endmacro %}

{#- The same places, each with the delivered rows that are counted there: one row a place and delivered row, or none. -#}
{% macro counted_parts(uses, counted_rows) -%}
select
    uses.*,
    counted_rows.counted_group,
    counted_rows.counted as delivered_count,
    counted_rows.line_number,
    counted_rows.source_sha256,
    counted_rows.evidence as row_evidence,
    row_number() over tree_node as part_number,
    count(counted_rows.source_sha256) over (
        partition by uses.mart, uses.row_key, uses.figure, uses.node_path
    ) as part_count
from {{ uses }} as uses
left join {{ counted_rows }} as counted_rows
    on uses.source = counted_rows.source
        and uses.counted_region_code = counted_rows.region_code
        and uses.reference_date = counted_rows.reference_date
        and uses.place_basis = counted_rows.place_basis
        and (counted_rows.counted_group = 'EU2' or counted_rows.source = 'azr_nrw')
window tree_node as (
    partition by uses.mart, uses.row_key, uses.figure, uses.node_path
    order by counted_rows.counted_group
)
{%- endmacro %}

{#- The nodes of these places: a count, and the rows of a file that it is the sum of where there are several. -#}
{% macro counted_nodes(parts) -%}
select
    {{ node(
        'node_path',
        "case when part_count = 0 then 'missing' when source = 'register' then 'delivery_aggregate' when part_count = 1 then 'delivery_rows' else 'component' end",
        "case when part_count = 0 then 'missing' when source = 'register' and evidence = 'published' then 'published_count' when source = 'register' then 'rounded_count' when part_count = 1 then 'read' else 'sum' end",
        'label', 'counted', evidence='evidence',
        source='case when part_count = 1 then source end', sha256='case when part_count = 1 then source_sha256 end',
        first_line='case when part_count = 1 then line_number end',
        last_line='case when part_count = 1 then line_number end',
        row_count="case when part_count = 1 and source <> 'register' then 1 end",
        row_numbers='case when part_count = 1 then cast(line_number as text) end'
    ) }}
from {{ parts }}
where part_number = 1

union all

select
    {{ node(
        "node_path || '.' || part_number", "'delivery_rows'", "'read'", "'persons'", 'delivered_count',
        evidence='row_evidence',
        source='source', sha256='source_sha256', first_line='line_number', last_line='line_number',
        row_count='1', row_numbers='cast(line_number as text)', detail_de='counted_group', detail_en='counted_group'
    ) }}
from {{ parts }}
where part_count > 1
{%- endmacro %}

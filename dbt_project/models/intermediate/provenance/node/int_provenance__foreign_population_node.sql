-- grain: one row per row of foreign_population that is no delivered line, figure and node of its tree.
-- A group is the sum of delivered lines; the count of a register goes on in eu2_population.
with

foreigners as (

    select * from {{ ref('foreign_population') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

keyed as (

    select
        'foreign_population' as mart,
        {{ row_key([
            'region_code', 'source_region_code', 'reference_date', 'nationality', 'sex', 'source', 'table_code',
        ]) }} as row_key,
        cast(extract(year from reference_date) as integer) as reference_year,
        cast(null as text) as method,
        foreigners.*
    from foreigners

),

trees as (

    select
        keyed.*,
        {{ row_key(['region_code', 'reference_date', 'source']) }} as register_key
    from keyed
    where line_number is null
        and persons is not null

),

parts as (

    select
        trees.mart,
        trees.row_key,
        'persons' as figure,
        trees.region_code,
        trees.reference_year,
        trees.method,
        coalesce(lines.persons, 0) as counted,
        lines.nationality_name || case when lines.persons is null then ': ' || lines.value_sign else '' end as detail,
        lines.evidence,
        lines.source,
        lines.source_sha256,
        lines.line_number,
        row_number() over (partition by trees.row_key order by lines.nationality) as part_number
    from trees
    inner join nationality_groups
        on trees.nationality = nationality_groups.nationality_group
    inner join keyed as lines
        on nationality_groups.nationality_code = lines.nationality
            and trees.source_region_code = lines.source_region_code
            and trees.reference_date = lines.reference_date
            and trees.sex = lines.sex
            and trees.source = lines.source
            and trees.table_code = lines.table_code
    where trees.table_code <> ''

),

nodes as (

    select
        {{ node("'1'", "'figure'", "case when table_code = '' then 'read' else 'sum' end", "'persons'", 'persons',
            figure="'persons'", evidence='evidence') }}
    from trees

    union all

    select
        {{ row_leaf("'1.' || part_number", "'persons'", 'counted', detail='detail') }}
    from parts

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", "'eu2_persons'", 'persons', figure="'persons'",
            evidence='evidence', refers_to_mart="'eu2_population'", refers_to_row_key='register_key',
            refers_to_figure="'eu2_persons'", refers_to_path="'1'") }}
    from trees
    where table_code = ''

    union all

    select
        {{ node("'1'", "'figure'", "'percentage'", "'per_100_inhabitants'", 'per_100_inhabitants',
            figure="'per_100_inhabitants'", digits='2', evidence='per_100_evidence') }}
    from trees
    where per_100_inhabitants is not null

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", "'persons'", 'persons', figure="'per_100_inhabitants'",
            evidence='evidence', refers_to_mart='mart', refers_to_row_key='row_key', refers_to_figure="'persons'",
            refers_to_path="'1'") }}
    from trees
    where per_100_inhabitants is not null

    union all

    select
        {{ node("'1.2'", "'delivery_rows'", "'read'", "'inhabitants_persons'", 'inhabitants_persons',
            figure="'per_100_inhabitants'", source="'genesis'", sha256='inhabitants_sha256',
            first_line='inhabitants_line_number', last_line='inhabitants_line_number', row_count='1',
            row_numbers='cast(inhabitants_line_number as text)', detail_de='inhabitants_table_code',
            detail_en='inhabitants_table_code') }}
    from trees
    where per_100_inhabitants is not null

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

-- grain: one row per figure that is read from a delivered row as it stands there, or in its unit, and node of its tree.
with

read_rows as (

    select * from {{ ref('int_provenance__read_row') }}

),

read_numbered as (

    select
        read_rows.*,
        cast(null as text) as method,
        row_number() over (
            partition by mart, row_key, figure
            order by source_sha256, line_number
        ) as part_number,
        count(*) over (partition by mart, row_key, figure) as part_count,
        max(value * factor) over (partition by mart, row_key, figure) as figure_value
    from read_rows

),

nodes as (

    select
        {{ node("'1'", "'figure'", "case when part_count = 1 then 'read' else 'largest' end", 'figure',
            'figure_value', evidence='evidence') }}
    from read_numbered
    where part_number = 1

    union all

    select
        {{ node("'1.' || part_number", "'component'", "'product'", 'figure', 'value * factor', evidence='evidence') }}
    from read_numbered
    where factor <> 1

    union all

    select
        {{ row_leaf("'1.' || part_number || case when factor <> 1 then '.1' else '' end",
            "case when factor <> 1 then 'delivered_value' else figure end", 'value') }}
    from read_numbered

    union all

    select
        {{ node("'1.' || part_number || '.2'", "'parameter'", "'given'", "'unit_factor'", 'factor') }}
    from read_numbered
    where factor <> 1

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

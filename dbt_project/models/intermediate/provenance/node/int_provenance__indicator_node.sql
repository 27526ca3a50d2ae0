-- grain: one row per value of indicator and node of its tree.
-- A computed value is its formula over two sums of delivered cells; what was published as an indicator is read.
with

indicators as (

    select * from {{ ref('indicator') }}

),

statistics as (

    select * from {{ ref('official_statistic') }}

),

cells as (

    {{ indicator_cells('statistics') }}

),

trees as (

    select
        'indicator' as mart,
        {{ indicator_key() }} as row_key,
        'value' as figure,
        cast(null as text) as method,
        file_sha256 as source_sha256,
        file_line as line_number,
        indicators.*
    from indicators
    where value is not null

),

leaves as (

    {{ indicator_leaves('trees', 'cells') }}

),

nodes as (

    select
        {{ node("'1'", "'figure'", "case formula when 'count' then 'sum' when 'as_published' then 'read' else formula end",
            "'value'", 'value', digits="case when formula = 'percentage' then 2 end", evidence='evidence') }}
    from trees

    union all

    select
        {{ node("'1.1'", "'component'", "'sum'", "'numerator'", 'numerator') }}
    from trees
    where source = 'genesis'

    union all

    select
        {{ node("'1.2'", "'component'", "'sum'", "'denominator'", 'denominator') }}
    from trees
    where formula = 'percentage'

    union all

    select
        {{ row_leaf("operand_path || '.' || part_number", "'delivered_value'", 'value', detail='detail') }}
    from leaves

    union all

    select
        {{ row_leaf("'1.1'", "'delivered_value'", 'value') }}
    from trees
    where source <> 'genesis'

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

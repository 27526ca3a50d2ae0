-- grain: one row per value of territorial_series and node of its tree.
-- The value is the rounded sum over the territory's parts; each part is a delivered line, times its share where divided.
with

statistics as (

    select * from {{ ref('official_statistic') }}

),

parts as (

    select * from {{ ref('int_territory__part') }}

),

cells as (

    {{ territorial_cells('statistics', 'parts') }}

),

whole as (

    select
        cells.*,
        'territorial_series' as mart,
        {{ row_key([
            'region_code', 'territory_date', 'table_code', 'time_text', 'classification_codes', 'measure_code', 'unit',
        ]) }} as row_key,
        'value' as figure,
        cast(null as text) as method,
        'genesis' as source
    from cells
    where missing_part_count = 0

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'rounded'", "'value'", 'round(exact_value, ' ~ territorial_digits() ~ ')',
            digits=territorial_digits(), evidence='evidence') }}
    from whole
    where part_number = 1

    union all

    select
        {{ node("'1.1'", "'component'", "'sum'", "'exact_value'", 'exact_value') }}
    from whole
    where part_number = 1

    union all

    select
        {{ node("'1.1.' || part_number", "'component'", "'product'", "'territorial_part'", 'value * share',
            detail_de='part_code', detail_en='part_code') }}
    from whole
    where share <> 1

    union all

    select
        {{ row_leaf("'1.1.' || part_number || case when share <> 1 then '.1' else '' end", "'delivered_value'", 'value',
            detail='part_code') }}
    from whole

    union all

    select
        {{ node("'1.1.' || part_number || '.2'", "'parameter'", "'given'", "'territorial_share'", 'share') }}
    from whole
    where share <> 1

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

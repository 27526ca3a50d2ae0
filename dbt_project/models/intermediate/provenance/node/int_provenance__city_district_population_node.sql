-- grain: one row per shown count of city_district_population and node of its tree.
-- A register's leaf is its file and the count as it is shown, never a row or a number of rows.
with

cells as (

    select * from {{ ref('int_disclosure__district_cell') }}

),

trees as (

    select
        'city_district_population' as mart,
        {{ row_key(['region_code', 'reference_date', 'city_district', 'nationality']) }} as row_key,
        'persons' as figure,
        region_code,
        cast(extract(year from reference_date) as integer) as reference_year,
        cast(null as text) as method,
        shown_persons,
        evidence,
        source_sha256
    from cells
    where shown_persons is not null

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'read'", "'persons'", 'shown_persons', evidence='evidence') }}
    from trees

    union all

    select
        {{ node("'1.1'", "'delivery_aggregate'", "'rounded_count'", "'persons'", 'shown_persons', evidence='evidence',
            source="'register'", sha256='source_sha256') }}
    from trees

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

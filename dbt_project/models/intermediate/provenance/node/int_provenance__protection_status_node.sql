-- grain: one row per row of protection_status whose parts are all printed, figure and node of its tree.
with

statuses as (

    select * from {{ ref('protection_status') }}

),

trees as (

    select
        'protection_status' as mart,
        {{ row_key([
            'table_code', 'source_region_code', 'reference_date', 'status', 'sex', 'nationality',
        ]) }} as row_key,
        'tree_difference_persons' as figure,
        cast(extract(year from reference_date) as integer) as reference_year,
        cast(null as text) as method,
        statuses.*
    from statuses
    where tree_difference_persons is not null

),

parts as (

    select
        trees.mart,
        trees.row_key,
        trees.figure,
        trees.region_code,
        trees.reference_year,
        trees.method,
        child.persons,
        child.status_name_de,
        child.status_name_en,
        child.evidence,
        child.source,
        child.source_sha256,
        child.line_number,
        row_number() over (partition by trees.row_key order by child.status) as part_number
    from trees
    inner join statuses as child
        on trees.table_code = child.table_code
            and trees.source_region_code = child.source_region_code
            and trees.reference_date = child.reference_date
            and trees.sex = child.sex
            and trees.nationality = child.nationality
            and trees.status = child.status_parent

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'difference'", "'tree_difference_persons'", 'tree_difference_persons',
            evidence='computed_evidence') }}
    from trees

    union all

    select
        {{ row_leaf("'1.1'", "'persons'", 'persons', detail='status_name_de') }}
    from trees

    union all

    select
        {{ node("'1.2'", "'component'", "'sum'", "'parts_persons'", 'parts_persons',
            evidence='computed_evidence') }}
    from trees

    union all

    select
        {{ row_leaf("'1.2.' || part_number", "'persons'", 'persons', detail='status_name_de') }}
    from parts

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

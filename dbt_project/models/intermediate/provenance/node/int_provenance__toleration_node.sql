-- grain: one row per row of toleration, figure (persons as read, share) and node of its tree.
with

tolerations as (

    select * from {{ ref('toleration') }}

),

trees as (

    select
        'toleration' as mart,
        {{ row_key(['region_code', 'reference_year', 'reference_day', 'years_class', 'sex']) }} as row_key,
        cast(null as text) as method,
        tolerations.*
    from tolerations
    where persons is not null

),

shares as (

    select
        mart,
        row_key,
        method,
        region_code,
        reference_year,
        reference_day,
        sex,
        persons,
        whole_persons,
        share_pct,
        share_reason,
        share_evidence as evidence
    from trees

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'read'", "'tolerated_persons'", 'persons', figure="'persons'",
            evidence='evidence') }}
    from trees

    union all

    select
        {{ node("'1.1'", "'delivery_rows'", "'read'", "'tolerated_persons'", 'persons', figure="'persons'",
            evidence='evidence', source='source', sha256='source_sha256', first_line='line_number',
            last_line='line_number', row_count='1', row_numbers='cast(line_number as text)',
            detail_de='years_class', detail_en='years_class') }}
    from trees

    union all

    {{ computed_nodes('toleration', 'shares') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

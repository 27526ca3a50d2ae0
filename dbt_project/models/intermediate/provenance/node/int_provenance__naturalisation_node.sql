-- grain: one row per row of naturalisation, figure that was read or computed and node of its tree (meta.trees of the mart).
with

naturalisations as (

    select * from {{ ref('naturalisation') }}

),

trees as (

    select
        'naturalisation' as mart,
        {{ row_key(['table_code', 'source_region_code', 'reference_year', 'nationality', 'sex']) }} as row_key,
        cast(null as text) as method,
        region_code,
        reference_year,
        table_code,
        source_region_code,
        nationality,
        sex,
        previous_year,
        naturalised_persons,
        foreign_persons_year_end,
        foreign_persons_previous_year_end,
        foreign_persons_mean,
        potential_persons,
        previous_naturalised_persons,
        change_persons,
        per_100_foreigners_year_end,
        year_end_reason,
        per_100_foreigners_mean,
        mean_reason,
        per_100_potential,
        potential_reason,
        rate_evidence as evidence
    from naturalisations

),

read_lines as (

    select
        trees.mart,
        trees.row_key,
        printed.figure,
        trees.region_code,
        trees.reference_year,
        trees.method,
        printed.value,
        printed.evidence,
        'genesis' as source,
        printed.source_sha256,
        printed.line_number
    from naturalisations
    inner join trees
        on naturalisations.table_code = trees.table_code
            and naturalisations.source_region_code = trees.source_region_code
            and naturalisations.reference_year = trees.reference_year
            and naturalisations.nationality = trees.nationality
            and naturalisations.sex = trees.sex
    cross join
        lateral (
            values
            (
                'naturalised_persons', naturalisations.naturalised_persons, naturalisations.evidence,
                naturalisations.naturalised_sha256, naturalisations.naturalised_line
            ),
            (
                'foreign_persons_year_end', naturalisations.foreign_persons_year_end,
                naturalisations.foreigners_evidence, naturalisations.year_end_sha256, naturalisations.year_end_line
            ),
            (
                'foreign_persons_previous_year_end', naturalisations.foreign_persons_previous_year_end,
                naturalisations.foreigners_evidence, naturalisations.previous_end_sha256,
                naturalisations.previous_end_line
            ),
            (
                'potential_persons', naturalisations.potential_persons, naturalisations.evidence,
                naturalisations.potential_sha256, naturalisations.potential_line
            )
        ) as printed (figure, value, evidence, source_sha256, line_number)
    where printed.value is not null

),

nodes as (

    {{ computed_nodes('naturalisation', 'trees') }}

    union all

    {{ line_nodes('read_lines') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

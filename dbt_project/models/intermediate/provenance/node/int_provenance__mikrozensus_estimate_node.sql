-- grain: one row per row of mikrozensus_estimate, figure (share or its error) and node of its tree.
-- The leaf is an aggregate: no row of a person is named, nor how many there are.
with

estimates as (

    select * from {{ ref('mikrozensus_estimate') }}

),

trees as (

    select
        'mikrozensus_estimate' as mart,
        {{ row_key([
            'estimates.held_by_ags', 'estimates.reference_period', 'estimates.region_code', 'estimates.measure',
            'estimates.size_class', 'estimates.sex', 'estimates.age_group', 'estimates.background_group',
        ]) }} as row_key,
        figures.figure,
        figures.label,
        figures.value,
        estimates.region_code,
        estimates.reference_year,
        cast(null as text) as method,
        estimates.evidence,
        estimates.source,
        estimates.source_sha256
    from estimates
    cross join
        lateral (
            values
            ('share_pct', 'estimated_share_pct', estimates.share_pct),
            ('standard_error_pct', 'standard_error_pct', estimates.standard_error_pct)
        ) as figures (figure, label, value)
    where figures.value is not null

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'read'", 'label', 'value', evidence='evidence') }}
    from trees

    union all

    select
        {{ node("'1.1'", "'delivery_aggregate'", "'estimated'", 'label', 'value', evidence='evidence', source='source',
            sha256='source_sha256') }}
    from trees

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

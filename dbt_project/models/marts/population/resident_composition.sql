-- grain: one row per municipality, reference date, nationality or group, characteristic and value of a register whose
-- operator switched the field on. For the statistics office. Counts are shown by their classes, or not at all.
with

counts as (

    select * from {{ ref('int_population__delivery_composition') }}
    where characteristic <> ''

),

regions as (

    select * from {{ ref('int_region__named') }}

),

nationalities as (

    select distinct nationality_group as nationality from {{ ref('nationality_group') }}
    union all
    select 'TOTAL' as nationality
    union all
    select 'ALL' as nationality

),

delivered as (

    select
        region_code,
        reference_date,
        characteristic,
        max(evidence_rank) as evidence_rank,
        min(source_sha256) as source_sha256
    from counts
    group by region_code, reference_date, characteristic

),

-- every value of every group, so that absence does not tell that nobody has it
cells as (

    select
        delivered.*,
        nationalities.nationality,
        known.characteristic_value
    from delivered
    inner join {{ register_characteristics() }} as known (characteristic, characteristic_value)
        on delivered.characteristic = known.characteristic
    cross join nationalities

),

summed as (

    select
        cells.region_code,
        cells.reference_date,
        cells.nationality,
        cells.characteristic,
        cells.characteristic_value,
        cells.evidence_rank,
        cells.source_sha256,
        coalesce(sum(counts.persons), 0) as persons
    from cells
    left join counts
        on cells.region_code = counts.region_code
            and cells.reference_date = counts.reference_date
            and cells.nationality = counts.nationality
            and cells.characteristic = counts.characteristic
            and cells.characteristic_value = counts.characteristic_value
    group by
        cells.region_code, cells.reference_date, cells.nationality, cells.characteristic, cells.characteristic_value,
        cells.evidence_rank, cells.source_sha256

),

classed as (

    select
        region_code,
        reference_date,
        nationality,
        characteristic,
        characteristic_value,
        evidence_rank,
        source_sha256,
        {{ count_class('persons') }} as class_persons
    from summed

),

final as (

    select
        classed.region_code,
        coalesce(regions.region_name, classed.region_code) as region_name,
        {{ region_level('classed.region_code') }} as region_level,
        classed.region_code as source_region_code,
        classed.reference_date,
        classed.nationality,
        case classed.nationality when 'TOTAL' then 'total' when 'ALL' then 'all' else 'group' end as nationality_kind,
        classed.characteristic,
        classed.characteristic_value,
        classed.class_persons as persons,
        classed.class_persons - {{ class_half() }} as persons_low,
        classed.class_persons + {{ class_half() }} as persons_high,
        cast(null as text) as value_sign,
        case when classed.class_persons is null then 'confidential' end as reason,
        {{ evidence_of_rank('classed.evidence_rank') }} as evidence,
        'register' as source,
        classed.source_sha256
    from classed
    left join regions
        on classed.region_code = regions.region_code

)

select * from final

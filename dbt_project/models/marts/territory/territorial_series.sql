-- grain: one row per territory (place and day since when), table, time, attributes of the other variables, measure and unit.
-- Values of former territories are added up, or divided by shares, on the territory of a day; a part that is missing
-- leaves the sum missing: the sign - of a part is no zero.
with

statistics as (

    select * from {{ ref('official_statistic') }}

),

parts as (

    select * from {{ ref('int_territory__part') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

delivered_names as (

    select
        source_region_code,
        max(region_name) as region_name
    from statistics
    group by source_region_code

),

cells as (

    {{ territorial_cells('statistics', 'parts') }}

),

summed as (

    select
        cells.region_code,
        cells.territory_date,
        cells.table_code,
        cells.time_text,
        cells.classification_codes,
        cells.measure_code,
        cells.unit,
        max(cells.basis) as basis,
        max(cells.reference_date) as reference_date,
        max(cells.reference_year) as reference_year,
        max(cells.classification) as classification,
        max(cells.measure_label) as measure_label,
        count(*) as part_count,
        max(cells.missing_part_count) as missing_part_count,
        -- nothing of a sum of which a part is missing
        max(cells.exact_value) filter (where cells.missing_part_count = 0) as exact_value,
        sum(coalesce((cells.rounded_to - 1) / 2.0, 0) * cells.share) as half_width,
        bool_or(cells.share <> 1) as is_divided,
        min(cells.part_code) = max(cells.region_code) and count(*) = 1 and max(cells.share) = 1 as is_delivered,
        string_agg(distinct cells.value_sign, ' ') as value_sign,
        bool_or(cells.value is null and cells.value_sign is null) as has_undelivered_part,
        string_agg(
            case
                when cells.share = 1 then cells.part_code
                else cells.part_code || ' * ' || trim_scale(cells.share)
            end, ' + '
            order by cells.part_code
        ) as parts,
        max(evidence_classes.evidence_class_rank) as evidence_rank
    from cells
    left join evidence_classes
        on cells.evidence = evidence_classes.evidence_class
    group by
        cells.region_code, cells.territory_date, cells.table_code, cells.time_text, cells.classification_codes,
        cells.measure_code, cells.unit

),

final as (

    select
        summed.region_code,
        coalesce(regions.region_name, delivered_names.region_name) as region_name,
        {{ region_level('summed.region_code') }} as region_level,
        summed.territory_date,
        summed.table_code,
        summed.time_text,
        summed.reference_date,
        summed.reference_year,
        summed.classification,
        summed.classification_codes,
        summed.measure_code,
        summed.measure_label,
        round(summed.exact_value, {{ territorial_digits() }}) as value,
        case
            when summed.basis = 'population' and (summed.is_divided or summed.half_width > 0)
                then floor(summed.exact_value - summed.half_width)
        end as value_low,
        case
            when summed.basis = 'population' and (summed.is_divided or summed.half_width > 0)
                then ceil(summed.exact_value + summed.half_width)
        end as value_high,
        trim_scale(summed.exact_value) as exact_value,
        summed.unit,
        case
            when summed.is_delivered then 'as_delivered'
            when summed.is_divided then 'divided'
            else 'added'
        end as method,
        case when summed.is_divided then summed.basis end as share_basis,
        summed.parts,
        summed.part_count,
        summed.missing_part_count,
        case when summed.missing_part_count > 0 then summed.value_sign end as value_sign,
        case
            when summed.missing_part_count = 0 then null
            when summed.has_undelivered_part then 'part_not_delivered'
            else 'part_not_published'
        end as reason,
        case
            when summed.missing_part_count > 0 then null
            when summed.is_delivered then {{ evidence_of_rank('summed.evidence_rank') }}
            else {{ weakest_evidence(["'derived'", evidence_of_rank('summed.evidence_rank')]) }}
        end as evidence,
        'genesis' as source
    from summed
    left join regions
        on summed.region_code = regions.region_code
    left join delivered_names
        on summed.region_code = delivered_names.source_region_code

)

select * from final

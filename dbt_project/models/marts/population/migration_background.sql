-- grain: one row per region, year, sense of migration background and population group.
with

delivered_values as (

    select * from {{ ref('stg_mikrozensus__value') }}

),

senses as (

    select * from {{ ref('mikrozensus_sense') }}

),

measures as (

    select * from {{ ref('mikrozensus_measure') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

measured as (

    select
        delivered_values.region_code,
        delivered_values.reference_year,
        coalesce(senses.sense, delivered_values.sense_code) as sense,
        delivered_values.group_code as population_group,
        delivered_values.group_name as population_group_name,
        delivered_values.value * measures.factor as value,
        delivered_values.value_sign,
        measures.measure,
        evidence_classes.evidence_class_rank
    from delivered_values
    inner join measures
        on delivered_values.value_variable_code = measures.value_variable_code
            and delivered_values.value_unit = measures.value_unit
    left join senses
        on delivered_values.sense_code = senses.sense_code
    left join evidence_classes
        on delivered_values.evidence = evidence_classes.evidence_class

),

pivoted as (

    select
        region_code,
        reference_year,
        sense,
        population_group,
        max(population_group_name) as population_group_name,
        max(value) filter (where measure = 'share_pct') as share_pct,
        cast(max(value) filter (where measure = 'persons') as bigint) as persons,
        max(value_sign) filter (where measure = 'share_pct') as share_sign,
        max(value_sign) filter (where measure = 'persons') as persons_sign,
        max(evidence_class_rank) as evidence_rank
    from measured
    group by region_code, reference_year, sense, population_group

),

final as (

    select
        pivoted.region_code,
        regions.region_name,
        pivoted.reference_year,
        pivoted.sense,
        pivoted.population_group,
        pivoted.population_group_name,
        pivoted.share_pct,
        pivoted.share_sign,
        pivoted.persons,
        pivoted.persons_sign,
        {{ evidence_of_rank('pivoted.evidence_rank') }} as evidence
    from pivoted
    left join regions
        on pivoted.region_code = regions.region_code

)

select * from final

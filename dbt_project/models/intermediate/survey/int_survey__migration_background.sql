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

dimensions as (

    select * from {{ ref('mikrozensus_group') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

measured as (

    select
        delivered_values.*,
        coalesce(senses.sense, delivered_values.sense_code) as sense,
        dimensions.dimension,
        delivered_values.value * measures.factor as measured_value,
        -- half a step of the last printed decimal, in the unit of the mart
        measures.factor / power(10.0, measures.digits) / 2 as half_width,
        measures.measure,
        evidence_classes.evidence_class_rank
    from delivered_values
    inner join measures
        on delivered_values.value_variable_code = measures.value_variable_code
            and delivered_values.value_unit = measures.value_unit
    left join senses
        on delivered_values.sense_code = senses.sense_code
    left join dimensions
        on delivered_values.group_variable_code = dimensions.group_variable_code
    left join evidence_classes
        on delivered_values.evidence = evidence_classes.evidence_class

),

pivoted as (

    select
        region_code,
        min(source_region_code) as source_region_code,
        reference_year,
        sense,
        group_code as population_group,
        max(group_name) as population_group_name,
        max(case when group_code <> 'total' then dimension end) as dimension,
        max(measured_value) filter (where measure = 'share_pct') as share_pct,
        max(half_width) filter (where measure = 'share_pct') as share_half_width,
        cast(max(measured_value) filter (where measure = 'persons') as bigint) as persons,
        max(half_width) filter (where measure = 'persons') as persons_half_width,
        max(measured_value) filter (where measure = 'distribution_pct') as distribution_pct,
        max(half_width) filter (where measure = 'distribution_pct') as distribution_half_width,
        max(value_sign) filter (where measure = 'share_pct') as share_sign,
        max(value_sign) filter (where measure = 'persons') as persons_sign,
        max(value_sign) filter (where measure = 'distribution_pct') as distribution_sign,
        -- of several values of a row the weakest statement counts
        case
            when bool_or(sense_basis = 'not_stated') then 'not_stated'
            when bool_or(sense_basis = 'inferred') then 'inferred'
            else max(sense_basis)
        end as sense_basis,
        case when count(distinct population_base) = 1 then max(population_base) else 'not_stated' end as population_base,
        case when count(distinct result_status) = 1 then max(result_status) else 'not_stated' end as result_status,
        max(evidence_class_rank) as evidence_rank
    from measured
    group by region_code, reference_year, sense, group_code

),

final as (

    select
        region_code,
        source_region_code,
        reference_year,
        sense,
        population_group,
        population_group_name,
        dimension,
        share_pct,
        trim_scale(share_pct - share_half_width) as share_low_pct,
        trim_scale(share_pct + share_half_width) as share_high_pct,
        share_sign,
        persons,
        cast(persons - persons_half_width as bigint) as persons_low,
        cast(persons + persons_half_width as bigint) as persons_high,
        persons_sign,
        distribution_pct,
        trim_scale(distribution_pct - distribution_half_width) as distribution_low_pct,
        trim_scale(distribution_pct + distribution_half_width) as distribution_high_pct,
        distribution_sign,
        sense_basis,
        population_base,
        result_status,
        {{ evidence_of_rank('evidence_rank') }} as evidence
    from pivoted

)

select * from final

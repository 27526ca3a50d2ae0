-- grain: one row per municipality, year, method and lump sum.
-- A scenario: what a lump sum per EU2 person, all of them, would bring, and what share of the cost it would cover.
with

rates as (

    select * from {{ ref('int_cost__rate') }}

),

lump_sums as (

    select * from {{ ref('lump_sum') }}

),

denominators as (

    select * from {{ ref('int_cost__denominator') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

paired as (

    select
        rates.municipality_ags,
        rates.fiscal_year,
        rates.method,
        rates.method_version,
        lump_sums.lump_sum,
        lump_sums.lump_sum_version,
        lump_sums.rate_eur,
        lump_sums.is_assumption,
        lump_sums.demanded_by,
        lump_sums.source_document,
        lump_sums.note_de,
        lump_sums.note_en,
        {{ reference_date('lump_sums.reference_date_rule', 'rates.fiscal_year') }} as reference_date,
        lump_sums.target_group,
        rates.total_cost_eur,
        rates.cost_evidence,
        rates.reason as rate_reason,
        rates.caption_de,
        rates.caption_en
    from rates
    cross join lump_sums

),

counted as (

    select
        paired.*,
        denominators.population_source,
        denominators.population_evidence,
        case when coalesce(paired.rate_reason, '') <> 'confidential' then denominators.population_persons end
            as population_persons,
        case
            when 'confidential' in (denominators.reason, paired.rate_reason) then 'confidential'
            when denominators.population_persons is null then 'population_missing'
            when paired.rate_reason = 'mapping_incomplete' then 'mapping_incomplete'
            when paired.total_cost_eur is null then 'numerator_missing'
        end as reason
    from paired
    inner join methods
        on paired.method = methods.method
            and paired.target_group = methods.target_group
    left join denominators
        on paired.method = denominators.method
            and paired.municipality_ags = denominators.region_code
            and paired.reference_date = denominators.reference_date

),

final as (

    select
        counted.municipality_ags,
        regions.region_name as municipality_name,
        counted.fiscal_year as reference_year,
        counted.method,
        counted.method_version,
        counted.lump_sum,
        counted.lump_sum_version,
        counted.rate_eur,
        counted.reference_date,
        counted.population_persons,
        counted.population_source,
        counted.rate_eur * counted.population_persons as lump_sum_eur,
        -- confidential persons of another date take the cost with them
        case when coalesce(counted.reason, '') <> 'confidential' then counted.total_cost_eur end as total_cost_eur,
        case
            when counted.reason is null
                then {{ printed_percentage('(counted.rate_eur * counted.population_persons)', 'counted.total_cost_eur') }}
        end as covered_pct,
        counted.reason,
        counted.is_assumption,
        true as is_scenario,
        {{ weakest_evidence([
            'counted.cost_evidence',
            'counted.population_evidence',
            "case when counted.population_persons is not null then 'derived' end",
        ]) }} as evidence,
        counted.cost_evidence,
        counted.population_evidence,
        concat_ws(' ', counted.note_de, counted.caption_de) as caption_de,
        concat_ws(' ', counted.note_en, counted.caption_en) as caption_en,
        counted.demanded_by,
        counted.source_document as rate_source_document
    from counted
    left join regions
        on counted.municipality_ags = regions.region_code

)

select * from final

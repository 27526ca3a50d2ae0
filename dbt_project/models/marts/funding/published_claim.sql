-- grain: one row per claim that is held against a figure of another source, or against others of its own document.
-- The claim stays as printed: the verdict stands beside it. What was pinned, solved back or made up judges nothing.
with

claims as (

    select * from {{ ref('int_programme__printed_figure') }}

),

checks as (

    select * from {{ ref('claim_check') }}

),

computed as (

    select * from {{ ref('int_programme__claim_computed') }}

),

populations as (

    select * from {{ ref('eu2_population') }}

),

costs as (

    select * from {{ ref('cost_per_person') }}

),

places as (

    select * from {{ ref('place') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

-- every figure of a mart or seed that a claim may be held against, by the check that asks for it
compared as (

    select
        figure_id,
        value,
        low,
        high,
        evidence
    from computed

    union all

    select
        checks.figure_id,
        populations.change_persons as value,
        populations.change_persons as low,
        populations.change_persons as high,
        populations.change_evidence as evidence
    from checks
    inner join populations
        on checks.compared_with = 'eu2_population_change'
            and checks.compared_region_code = populations.region_code
            and populations.source = 'eu2_series'
            and populations.reference_date = make_date(checks.compared_year, 12, 31)

    union all

    select
        checks.figure_id,
        costs.total_cost_eur as value,
        costs.total_cost_eur as low,
        costs.total_cost_eur as high,
        costs.evidence
    from checks
    inner join costs
        on checks.compared_with = 'cost_total'
            and checks.compared_region_code = costs.municipality_ags
            and checks.compared_year = costs.reference_year
            and checks.compared_method = costs.method

    union all

    select
        checks.figure_id,
        count(*) as value,
        count(*) as low,
        count(*) as high,
        -- counted here, from a seed of published districts
        'derived' as evidence
    from checks
    inner join places
        on checks.compared_with = 'district_count'
            and checks.compared_region_code = left(places.region_code, 2)
            and places.place_kind in ('rural_district', 'urban_district')
            and coalesce(extract(year from places.valid_from), 0) <= checks.compared_year
            and coalesce(extract(year from places.valid_to), 9999) > checks.compared_year
    group by checks.figure_id

),

final as (

    select
        claims.figure_id,
        claims.indicator,
        claims.place,
        claims.as_of,
        claims.precision as claimed_printed,
        claims.value as claimed_value,
        claims.lower_end as claimed_low,
        claims.upper_end as claimed_high,
        claims.unit,
        claims.source_document,
        checks.compared_with,
        checks.compared_region_code as region_code,
        checks.compared_year as reference_year,
        compared.value as compared_value,
        round(compared.value / nullif(claims.upper_end, 0), 2) as compared_per_claimed,
        {{ claim_verdict() }} as verdict,
        checks.why_de,
        checks.why_en,
        compared.evidence,
        checks.comparison,
        checks.operands,
        checks.compared_method,
        compared.low as compared_low,
        compared.high as compared_high,
        checks.caveat_de,
        checks.caveat_en,
        claims.passage,
        case
            when num_nulls(compared.value, nullif(claims.upper_end, 0)) = 0
                then {{ weakest_evidence(["'derived'", 'compared.evidence']) }}
        end as ratio_evidence
    from checks
    inner join claims
        on checks.figure_id = claims.figure_id
    left join compared
        on checks.figure_id = compared.figure_id
    left join evidence_classes
        on compared.evidence = evidence_classes.evidence_class

)

select * from final

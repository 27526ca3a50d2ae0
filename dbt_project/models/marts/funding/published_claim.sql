-- grain: one row per printed figure that is held against a figure of another source.
-- The claim stays as printed: the verdict stands beside it.
with

claims as (

    select * from {{ ref('source_figure') }}

),

checks as (

    select * from {{ ref('claim_check') }}

),

populations as (

    select * from {{ ref('eu2_population') }}

),

compared as (

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
        checks.compared_region_code,
        checks.compared_year,
        checks.why_de,
        checks.why_en,
        cast(populations.change_persons as numeric(18, 2)) as compared_value,
        populations.evidence as compared_evidence
    from checks
    inner join claims
        on checks.figure_id = claims.figure_id
    left join populations
        on checks.compared_with = 'eu2_population_change'
            and checks.compared_region_code = populations.region_code
            and populations.source = 'eu2_series'
            and populations.reference_date = make_date(checks.compared_year, 12, 31)

),

final as (

    select
        figure_id,
        indicator,
        place,
        as_of,
        claimed_printed,
        claimed_value,
        claimed_low,
        claimed_high,
        unit,
        source_document,
        compared_with,
        compared_region_code as region_code,
        compared_year as reference_year,
        compared_value,
        round(compared_value / nullif(claimed_high, 0), 2) as compared_per_claimed,
        case
            when compared_value is null then 'not_checkable'
            when compared_value > claimed_high then 'contradicted'
            else 'plausible'
        end as verdict,
        why_de,
        why_en,
        compared_evidence as evidence
    from compared

)

select * from final

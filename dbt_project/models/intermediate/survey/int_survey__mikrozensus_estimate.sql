-- grain: one row per file, period, region, group and measure.
-- Weighted share with its standard error by linearised ratio, districts as clusters within strata:
-- V = sum over strata of c / (c - 1) * sum over clusters of (z - mean z)^2, z = (yes weight - share * base weight) / all
-- base weight; c counts all clusters of the stratum, those outside the group with z = 0. A stratum of one cluster gives
-- z^2: its distance from the grand mean, which is 0. No finite-population correction. Exact until the last division.
with

clusters as (

    select * from {{ ref('int_survey__cluster_total') }}

),

persons as (

    select * from {{ ref('stg_mikrozensus_microdata__person') }}

),

-- of the persons, not of the answers: a district where nobody was asked a question is drawn all the same
drawn as (

    select
        persons.held_by_ags,
        periods.reference_period,
        persons.stratum,
        count(distinct persons.district_pseudonym) as stratum_clusters
    from persons
    cross join
        lateral (
            values
            (cast(persons.reference_year as text)),
            (persons.reference_year || '-Q' || persons.reference_quarter)
        ) as periods (reference_period)
    group by persons.held_by_ags, periods.reference_period, persons.stratum

),

files as (

    select
        persons.held_by_ags,
        persons.reference_year,
        max(persons.source_file_name) as source_file_name,
        max(persons.source_sha256) as source_sha256,
        max(persons.evidence) as evidence
    from persons
    group by persons.held_by_ags, persons.reference_year

),

regional as (

    select
        clusters.*,
        regions.region_code
    from clusters
    cross join lateral (values ('00'), (clusters.state_code)) as regions (region_code)

),

scored as (

    select
        regional.*,
        sum(base_weight) over own_group as all_weight,
        -- z times the square of all weights
        yes_weight * sum(base_weight) over own_group - base_weight * sum(yes_weight) over own_group as score
    from regional
    window own_group as (
        partition by
            held_by_ags, reference_period, region_code, measure, size_class, sex, age_group, background_group
    )

),

by_stratum as (

    select
        scored.held_by_ags,
        scored.reference_year,
        scored.reference_period,
        scored.weight_kind,
        scored.region_code,
        scored.measure,
        scored.size_class,
        scored.sex,
        scored.age_group,
        scored.background_group,
        scored.all_weight,
        sum(scored.yes_weight) as yes_weight,
        sum(scored.base_cases) as base_cases,
        sum(scored.yes_cases) as yes_cases,
        count(*) as clusters,
        cast(drawn.stratum_clusters = 1 as integer) as is_lone,
        case
            when drawn.stratum_clusters = 1 then sum(scored.score * scored.score)
            else
                (
                    sum(scored.score * scored.score) * drawn.stratum_clusters - sum(scored.score) * sum(scored.score)
                ) / (drawn.stratum_clusters - 1)
        end as variance
    from scored
    inner join drawn
        on scored.held_by_ags = drawn.held_by_ags
            and scored.reference_period = drawn.reference_period
            and scored.stratum = drawn.stratum
    group by
        scored.held_by_ags, scored.reference_year, scored.reference_period, scored.weight_kind, scored.region_code,
        scored.measure, scored.size_class, scored.sex, scored.age_group, scored.background_group, scored.all_weight,
        scored.stratum, drawn.stratum_clusters

),

final as (

    select
        by_stratum.held_by_ags,
        by_stratum.reference_year,
        by_stratum.reference_period,
        by_stratum.weight_kind,
        by_stratum.region_code,
        by_stratum.measure,
        by_stratum.size_class,
        by_stratum.sex,
        by_stratum.age_group,
        by_stratum.background_group,
        by_stratum.all_weight as base_persons,
        sum(by_stratum.yes_weight) as projected_persons,
        cast(sum(by_stratum.base_cases) as bigint) as base_cases,
        cast(sum(by_stratum.yes_cases) as bigint) as yes_cases,
        cast(sum(by_stratum.clusters) as bigint) as clusters,
        sum(by_stratum.is_lone) as lone_strata,
        trim_scale(round(sum(by_stratum.yes_weight) / nullif(by_stratum.all_weight, 0), 8)) as share,
        trim_scale(
            round(sqrt(sum(by_stratum.variance)) / nullif(by_stratum.all_weight * by_stratum.all_weight, 0), 8)
        ) as standard_error,
        {{ weakest_evidence(["'derived'", 'files.evidence']) }} as evidence,
        files.source_file_name,
        files.source_sha256
    from by_stratum
    inner join files
        on by_stratum.held_by_ags = files.held_by_ags
            and by_stratum.reference_year = files.reference_year
    group by
        by_stratum.held_by_ags, by_stratum.reference_year, by_stratum.reference_period, by_stratum.weight_kind,
        by_stratum.region_code, by_stratum.measure, by_stratum.size_class, by_stratum.sex, by_stratum.age_group,
        by_stratum.background_group, by_stratum.all_weight, files.source_file_name, files.source_sha256, files.evidence

)

select * from final

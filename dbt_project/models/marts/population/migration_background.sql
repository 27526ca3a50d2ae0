-- grain: one row per region, year, sense of migration background and population group.
-- No change is told across a break of the survey, nor of another population, nor where the sense is not stated.
with

figures as (

    select * from {{ ref('int_survey__migration_background') }}

),

breaks as (

    select * from {{ ref('mikrozensus_break') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

with_previous as (

    select
        figures.*,
        lag(reference_year) over own_series as previous_reference_year,
        lag(share_pct) over own_series as previous_share_pct,
        lag(population_base) over own_series as previous_population_base
    from figures
    window own_series as (
        partition by region_code, sense, population_group, share_pct is null
        order by reference_year
    )

),

compared as (

    select
        with_previous.*,
        country.persons as country_persons,
        country.persons_low as country_persons_low,
        country.persons_high as country_persons_high,
        case
            when with_previous.share_pct is null then null
            when with_previous.previous_reference_year is null then 'no_earlier_year'
            when with_previous.sense = 'not_stated' then 'sense_not_stated'
            when
                exists (
                    select 1
                    from breaks
                    where breaks.sense in ('all', with_previous.sense)
                        and breaks.break_year > with_previous.previous_reference_year
                        and breaks.break_year <= with_previous.reference_year
                ) then 'across_break'
            when with_previous.population_base <> with_previous.previous_population_base then 'other_population_base'
        end as change_reason
    from with_previous
    left join figures as country
        on country.region_code = '00'
            and with_previous.reference_year = country.reference_year
            and with_previous.sense = country.sense
            and country.population_group = 'total'

),

final as (

    select
        compared.region_code,
        regions.region_name,
        compared.reference_year,
        compared.sense,
        compared.population_group,
        compared.population_group_name,
        compared.share_pct,
        compared.share_sign,
        compared.persons,
        compared.persons_sign,
        compared.evidence,
        -- the parts of the country are of no level
        case when compared.region_code not like 'X-%' then {{ region_level('compared.region_code') }} end as region_level,
        compared.source_region_code,
        case when compared.dimension = 'size_class' then compared.population_group else 'all' end as size_class,
        case when compared.dimension = 'age_group' then compared.population_group else 'all' end as age_group,
        case
            when compared.dimension = 'sex' and compared.population_group in ('GESM', 'male') then 'male'
            when compared.dimension = 'sex' and compared.population_group in ('GESW', 'female') then 'female'
            else 'all'
        end as sex,
        compared.sense_basis,
        compared.population_base,
        compared.result_status,
        compared.share_low_pct,
        compared.share_high_pct,
        compared.persons_low,
        compared.persons_high,
        compared.distribution_pct,
        compared.distribution_low_pct,
        compared.distribution_high_pct,
        compared.distribution_sign,
        compared.country_persons,
        round(100.0 * compared.persons / nullif(compared.country_persons, 0), 2) as distribution_recomputed_pct,
        round(100.0 * compared.persons_low / nullif(compared.country_persons_high, 0), 2)
            as distribution_recomputed_low_pct,
        round(100.0 * compared.persons_high / nullif(compared.country_persons_low, 0), 2)
            as distribution_recomputed_high_pct,
        case
            when compared.distribution_pct is null or compared.persons is null or compared.country_persons is null
                then 'not_recomputable'
            when
                compared.distribution_low_pct
                <= 100.0 * compared.persons_high / nullif(compared.country_persons_low, 0)
                and compared.distribution_high_pct
                >= 100.0 * compared.persons_low / nullif(compared.country_persons_high, 0) then 'agrees'
            else 'differs'
        end as distribution_verdict,
        cast(round(100.0 * compared.persons_low / nullif(compared.share_high_pct, 0)) as bigint) as base_persons_low,
        cast(round(100.0 * compared.persons_high / nullif(compared.share_low_pct, 0)) as bigint) as base_persons_high,
        case when compared.change_reason is null then compared.previous_reference_year end as previous_reference_year,
        case when compared.change_reason is null then compared.previous_share_pct end as previous_share_pct,
        case when compared.change_reason is null then compared.share_pct - compared.previous_share_pct end
            as change_points,
        compared.change_reason,
        case
            when num_nonnulls(compared.share_pct, compared.persons, compared.distribution_pct) = 0
                then
                    case
                        when '/' in (compared.share_sign, compared.persons_sign, compared.distribution_sign)
                            then 'too_few_cases'
                        else 'not_printed'
                    end
        end as reason,
        'mikrozensus' as source,
        cast(null as text) as table_code,
        case
            when num_nonnulls(compared.persons, compared.previous_share_pct) > 0
                then {{ weakest_evidence(["'derived'", 'compared.evidence']) }}
        end as computed_evidence
    from compared
    left join regions
        on compared.region_code = regions.region_code

)

select * from final

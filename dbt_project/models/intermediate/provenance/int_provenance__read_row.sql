-- grain: one row per mart row, figure (column) and delivered row from which the figure was read as it stands there.
with

profiles as (

    select * from {{ ref('stg_structure_tables__municipality') }}

),

census_values as (

    select * from {{ ref('stg_mikrozensus__value') }}

),

senses as (

    select * from {{ ref('mikrozensus_sense') }}

),

measures as (

    select * from {{ ref('mikrozensus_measure') }}

),

programmes as (

    select * from {{ ref('stg_funding__programme') }}

),

periods as (

    select * from {{ ref('programme_period') }}

),

results as (

    select * from {{ ref('stg_programme_result__value') }}

),

courses as (

    select * from {{ ref('stg_integration_course__value') }}

),

indicator_figures as (

    select
        indicator,
        figure
    from (
        values
        ('participants', 'participants_persons'),
        ('results', 'results_cases'),
        ('insured_share_pct', 'insured_share_pct'),
        ('EECR05', 'employed_after_six_months_persons'),
        ('EECR06', 'improved_after_six_months_persons'),
        ('own_cost_eur', 'own_cost_eur'),
        ('courses', 'courses'),
        ('federal_money_eur', 'federal_money_eur'),
        ('success_rate_pct', 'success_rate_pct')
    ) as named (indicator, figure)

),

united as (

    select
        'municipal_profile' as mart,
        {{ row_key(['profiles.region_code', 'profiles.reference_year']) }} as row_key,
        printed.figure,
        profiles.region_code,
        profiles.reference_year,
        printed.value,
        1 as factor,
        profiles.evidence,
        'structure_tables' as source,
        profiles.source_sha256,
        profiles.line_number
    from profiles
    cross join
        lateral (
            values
            ('population_persons', cast(profiles.population_persons as numeric)),
            ('foreign_persons', profiles.foreign_persons),
            ('foreign_pct_printed', profiles.foreign_pct),
            ('migration_background_persons', profiles.migration_background_persons),
            ('migration_background_pct_printed', profiles.migration_background_pct),
            ('day_care_migration_background_pct_printed', profiles.day_care_migration_background_pct)
        ) as printed (figure, value)

    union all

    select
        'migration_background' as mart,
        {{ row_key([
            'census_values.region_code',
            'census_values.reference_year',
            'coalesce(senses.sense, census_values.sense_code)',
            'census_values.group_code',
        ]) }} as row_key,
        measures.measure as figure,
        census_values.region_code,
        census_values.reference_year,
        census_values.value,
        measures.factor,
        census_values.evidence,
        'mikrozensus' as source,
        census_values.source_sha256,
        census_values.line_number
    from census_values
    inner join measures
        on census_values.value_variable_code = measures.value_variable_code
            and census_values.value_unit = measures.value_unit
    left join senses
        on census_values.sense_code = senses.sense_code

    union all

    select
        'programme_funding' as mart,
        programmes.figure_id as row_key,
        printed.figure,
        programmes.region_code,
        periods.amount_first_year as reference_year,
        printed.value,
        1 as factor,
        programmes.evidence,
        'funding' as source,
        programmes.source_sha256,
        programmes.line_number
    from programmes
    left join periods
        on programmes.figure_id = periods.figure_id
    cross join
        lateral (
            values
            ('amount_eur', programmes.amount_eur),
            ('granted_eur', programmes.granted_eur),
            ('called_eur', programmes.called_eur),
            ('proven_eur', programmes.proven_eur),
            ('paid_back_eur', programmes.paid_back_eur),
            ('own_share_eur', programmes.own_share_eur)
        ) as printed (figure, value)

    union all

    select
        'programme_funding_year' as mart,
        {{ row_key(['periods.programme_id', 'years.reference_year']) }} as row_key,
        'amount_eur' as figure,
        programmes.region_code,
        years.reference_year,
        programmes.amount_eur as value,
        1 as factor,
        programmes.evidence,
        'funding' as source,
        programmes.source_sha256,
        programmes.line_number
    from programmes
    inner join periods
        on programmes.figure_id = periods.figure_id
    cross join lateral generate_series(periods.amount_first_year, periods.amount_last_year) as years (reference_year)

    union all

    select
        'programme_outcome' as mart,
        {{ row_key(['results.programme_id', 'results.region_code', 'results.period_printed']) }} as row_key,
        indicator_figures.figure,
        results.region_code,
        null as reference_year,
        results.value,
        1 as factor,
        results.evidence,
        'programme_result' as source,
        results.source_sha256,
        results.line_number
    from results
    inner join indicator_figures
        on results.indicator = indicator_figures.indicator

    union all

    select
        'integration_course' as mart,
        {{ row_key(['courses.region_code', 'courses.stated_year', 'courses.reference_month']) }} as row_key,
        indicator_figures.figure,
        courses.region_code,
        courses.stated_year as reference_year,
        courses.value,
        1 as factor,
        courses.evidence,
        'integration_course' as source,
        courses.source_sha256,
        courses.line_number
    from courses
    inner join indicator_figures
        on courses.indicator = indicator_figures.indicator

),

final as (

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        cast(value as numeric) as value,
        cast(factor as numeric) as factor,
        evidence,
        source,
        source_sha256,
        line_number
    from united
    where value is not null

)

select * from final

-- grain: one row per mart row, figure (column) and delivered row from which the figure was read as it stands there.
-- Which figures these are, and what they are read from, the YAML of their marts says (meta.trees, read).
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

named_results as (

    {{ read_figures_of(['programme_outcome', 'programme_reach']) }}

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
    cross join lateral (values {{ read_figures('municipal_profile', 'profiles') }}) as printed (value, figure)

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
    cross join lateral (values {{ read_figures('programme_funding', 'programmes') }}) as printed (value, figure)

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
        named.mart,
        {{ row_key(['results.programme_id', 'results.region_code', 'results.period_printed']) }} as row_key,
        named.figure,
        results.region_code,
        null as reference_year,
        results.value,
        1 as factor,
        results.evidence,
        'programme_result' as source,
        results.source_sha256,
        results.line_number
    from results
    inner join named_results as named
        on results.indicator = named.indicator

    union all

    select
        'integration_course' as mart,
        {{ row_key(['courses.region_code', 'courses.stated_year', 'courses.reference_month']) }} as row_key,
        named.figure,
        courses.region_code,
        courses.stated_year as reference_year,
        courses.value,
        1 as factor,
        courses.evidence,
        'integration_course' as source,
        courses.source_sha256,
        courses.line_number
    from courses
    inner join (values {{ read_figures('integration_course') }}) as named (indicator, figure)
        on courses.indicator = named.indicator

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

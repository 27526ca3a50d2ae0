{#-
    CTEs that unite counts of foreign persons of all sources, one row a place, day, nationality, sex and table. The model
    imports nationalities (stg_azr_nrw__nationality), statistics (official_statistic), series_years
    (stg_eu2_series__year), populations (eu2_population) and roundings (statistic_rounding). `half_width` is by how much a
    count may be off; NULL where it is exact. The last CTE is `foreigners_counted`.
-#}
{% macro counted_foreigners() -%}
from_azr as (

    select
        nationalities.region_code,
        nationalities.source_region_code,
        nationalities.reference_date,
        nationalities.nationality_code,
        nationalities.nationality_name as delivered_name,
        by_sex.sex,
        by_sex.persons,
        by_sex.value_sign,
        'azr_nrw' as source,
        -- the contract's file names begin with the table
        split_part(nationalities.source_file_name, '_', 1) as table_code,
        nationalities.evidence,
        nationalities.source_file_name,
        nationalities.source_sha256,
        nationalities.line_number
    from nationalities
    cross join
        lateral (
            values
            ('all', nationalities.persons, nationalities.persons_sign),
            ('male', nationalities.male_persons, nationalities.male_persons_sign),
            ('female', nationalities.female_persons, nationalities.female_persons_sign)
        ) as by_sex (sex, persons, value_sign)

),

tables_of_foreigners as (

    select
        statistics.*,
        substring(classification_codes from '(?:^|;)STAAG[^=;]*=([^;]*)') as nationality_attribute,
        -- words and codes name the variables in one order
        split_part(
            split_part(
                classification,
                '; ',
                greatest(cardinality(string_to_array(split_part(classification_codes, 'STAAG', 1), ';')), 1)
            ),
            ': ',
            2
        ) as nationality_words,
        {{ sex_of_codes('classification_codes') }} as sex,
        min(measure_code) over (partition by table_code) as first_measure_code
    from statistics
    where statistics_code = '12521'
        and reference_date is not null
        and region_code is not null
        and lower(unit) in ('anzahl', 'number', 'persons', 'personen')
        and measure_label ~* '^(ausländ|foreign)'
        and {{ genesis_is_by('classification_codes', 'GES|STAAG[^=;]*') }}

),

from_tables as (

    select
        region_code,
        source_region_code,
        reference_date,
        case
            when coalesce(nationality_attribute, '') = '' then 'ALL'
            else regexp_replace(nationality_attribute, '^ST', '')
        end as nationality_code,
        nationality_words as delivered_name,
        sex,
        cast(value as bigint) as persons,
        value_sign,
        'genesis' as source,
        table_code,
        evidence,
        source_file_name,
        source_sha256,
        line_number
    from tables_of_foreigners
    where sex is not null
        and measure_code = first_measure_code

),

from_series as (

    select
        series_years.region_code,
        series_years.region_code as source_region_code,
        series_years.reference_date,
        printed.nationality_code,
        cast(null as text) as delivered_name,
        'all' as sex,
        printed.persons,
        cast(null as text) as value_sign,
        'eu2_series' as source,
        '' as table_code,
        series_years.evidence,
        series_years.source_file_name,
        series_years.source_sha256,
        series_years.line_number
    from series_years
    cross join
        lateral (
            values
            ('125', series_years.bulgaria_persons),
            ('154', series_years.romania_persons),
            ('EU2', series_years.eu2_persons)
        ) as printed (nationality_code, persons)

),

-- of a register what its protected mart shows, and nothing else
from_register as (

    select
        region_code,
        source_region_code,
        reference_date,
        'EU2' as nationality_code,
        cast(null as text) as delivered_name,
        'all' as sex,
        eu2_persons as persons,
        cast(null as text) as value_sign,
        source,
        '' as table_code,
        coalesce(eu2_evidence, evidence) as evidence,
        cast(null as text) as source_file_name,
        cast(null as text) as source_sha256,
        cast(null as bigint) as line_number
    from populations
    where source = 'register'

),

foreigners_united as (

    select * from from_azr
    union all
    select * from from_tables
    union all
    select * from from_series
    union all
    select * from from_register

),

foreigners_counted as (

    select
        united.*,
        case
            when united.table_code <> '' then roundings.rounded_to / 2
            else nullif(populations.eu2_precision_persons, 0)
        end as half_width
    from foreigners_united as united
    left join roundings
        on roundings.statistics_code = '12521'
            and roundings.first_year <= extract(year from united.reference_date)
    left join populations
        on united.source = 'register'
            and populations.source = 'register'
            and united.region_code = populations.region_code
            and united.reference_date = populations.reference_date

)
{%- endmacro %}

{#- Sex of a row of official statistics by its codes: all, male, female; NULL where it is of another sex. -#}
{% macro sex_of_codes(codes) -%}
case coalesce(substring({{ codes }} from '(?:^|;)GES=([^;]*)'), '')
    when '' then 'all'
    when 'GESM' then 'male'
    when 'GESW' then 'female'
end
{%- endmacro %}

{#-
    Inhabitants by region, day, nationality (TOTAL, ALL, three-digit key) and sex, each with the line it was read from.
    All persons are those of 12411, foreign ones those of the register of foreigners (12521), rounded to 5; where two
    tables have the same, the one of GENESIS.
-#}
{% macro inhabitants() -%}
select distinct on (region_code, reference_date, nationality, sex) *
from (
    select
        official.region_code,
        official.reference_date,
        case when official.statistics_code = '12521' and attributes.nationality = 'TOTAL' then 'ALL'
            else attributes.nationality end as nationality,
        attributes.sex,
        official.value as persons,
        official.rounded_to,
        official.evidence,
        'genesis' as source,
        official.table_code,
        official.source_sha256,
        official.line_number,
        1 as preference
    from {{ ref('official_statistic') }} as official
    cross join lateral {{ plain_attributes('official.classification_codes') }}
    where official.unit in ('Anzahl', 'persons')
        and official.reference_date is not null
        and attributes.is_plain
        and (
            official.statistics_code = '12521'
            or (official.statistics_code = '12411' and attributes.nationality = 'TOTAL')
        )

    union all

    select
        region_code,
        reference_date,
        'TOTAL' as nationality,
        'all' as sex,
        value as persons,
        rounded_to,
        evidence,
        source,
        table_code,
        source_sha256,
        line_number,
        2 as preference
    from {{ ref('stg_ldb__value') }}
    where measure = 'population'

    union all

    select
        azr.region_code,
        azr.reference_date,
        azr.nationality_code as nationality,
        counts.sex,
        counts.persons,
        roundings.rounded_to,
        azr.evidence,
        'azr_nrw' as source,
        '12521-03i' as table_code,
        azr.source_sha256,
        azr.line_number,
        3 as preference
    from {{ ref('stg_azr_nrw__nationality') }} as azr
    cross join lateral (
        values ('all', azr.persons), ('male', azr.male_persons), ('female', azr.female_persons)
    ) as counts (sex, persons)
    left join {{ ref('statistic_rounding') }} as roundings
        on roundings.statistics_code = '12521' and extract(year from azr.reference_date) >= roundings.first_year
    where length(azr.nationality_code) = 3
) as counted
where persons > 0 and region_code is not null
order by region_code, reference_date, nationality, sex, preference, table_code, line_number
{%- endmacro %}

{#- Persons per 100 inhabitants, of either end of what their rounding leaves open. -#}
{% macro per_100(persons, inhabitants) -%}
round({{ percentage(persons, inhabitants) }}, 2)
{%- endmacro %}

{#- How far a count that is rounded on its own may be off what was counted: 2 of one rounded to 5. -#}
{% macro rounding_off(rounded_to) -%}
coalesce(({{ rounded_to }} - 1) / 2, 0)
{%- endmacro %}

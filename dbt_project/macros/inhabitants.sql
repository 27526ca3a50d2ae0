{#-
    Inhabitants by region, day, nationality (TOTAL, ALL, three-digit key, group) and sex, each with the line it was read from.
    All persons are those of 12411, foreign ones those of the register of foreigners (12521), rounded to 5; where two
    tables have the same, the one of GENESIS. A group is the sum of all its countries in one table, and has no line; where
    one has no number, nobody knows the sum. `off_by`: by how many persons rounding may have moved it.
-#}
{% macro inhabitants() -%}
select distinct on (region_code, reference_date, nationality, sex) *
from (
    with read_lines as (
        {{ inhabitants_as_read() }}
    )

    select * from read_lines

    union all

    select
        read_lines.region_code,
        read_lines.reference_date,
        members.nationality_group as nationality,
        read_lines.sex,
        sum(read_lines.persons) as persons,
        {{ weakest_evidence(["'derived'", 'read_lines.evidence']) }} as evidence,
        read_lines.source,
        read_lines.table_code,
        read_lines.source_sha256,
        cast(null as bigint) as line_number,
        read_lines.preference,
        sum(read_lines.off_by) as off_by
    from read_lines
    inner join {{ ref('nationality_group') }} as members
        on read_lines.nationality = members.nationality_code
    group by
        read_lines.region_code, read_lines.reference_date, members.nationality_group, read_lines.sex, read_lines.evidence,
        read_lines.source, read_lines.table_code, read_lines.source_sha256, read_lines.preference
    having count(*) = (
        select count(*) from {{ ref('nationality_group') }} as countries
        where countries.nationality_group = members.nationality_group
    )
    and count(*) = count(distinct read_lines.nationality)
) as counted
order by region_code, reference_date, nationality, sex, preference, table_code, line_number
{%- endmacro %}

{#- What `inhabitants` takes from lines, without groups. -#}
{% macro inhabitants_as_read() -%}
select
    region_code,
    reference_date,
    nationality,
    sex,
    persons,
    evidence,
    source,
    table_code,
    source_sha256,
    line_number,
    preference,
    {{ rounding_off('rounded_to') }} as off_by
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
{%- endmacro %}

{#- Persons per 100 inhabitants, of either end of what their rounding leaves open. -#}
{% macro per_100(persons, inhabitants) -%}
round({{ percentage(persons, inhabitants) }}, 2)
{%- endmacro %}

{#- How far a count that is rounded on its own may be off what was counted: 2 of one rounded to 5. -#}
{% macro rounding_off(rounded_to) -%}
coalesce(({{ rounded_to }} - 1) / 2, 0)
{%- endmacro %}

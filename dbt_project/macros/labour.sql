{#- The state's districts by the names that tables of the Landesdatenbank have where they have no keys. -#}
{% macro districts_as_printed() -%}
(
    select
        region_code,
        case
            when place_kind = 'urban_district' then region_name || ', krfr. Stadt'
            when region_name like 'Kreis %' then substr(region_name, 7) || ', Kreis'
            else region_name
        end as printed_name
    from {{ ref('place') }}
    where place_kind <> 'municipality'
)
{%- endmacro %}

{#-
    What the codes of an official statistic's classification (official_statistic) say where a row is about nothing but
    sex and nationality: `attributes`, one row. Whatever else a table has must be its total there, or the row is not plain.
    nationality: TOTAL, ALL (foreign persons), 000 (German), a three-digit key, else the code as the table has it.
-#}
{% macro plain_attributes(codes) -%}
(
    values (
        coalesce(
            substring({{ codes }} from '(?:^|;)STAAG[^=;]*=ST([0-9]{3})(?:;|$)'),
            nullif(substring({{ codes }} from '(?:^|;)STAAG[^=;]*=([^;]*)'), ''),
            case substring({{ codes }} from '(?:^|;)NAT=([^;]*)')
                when 'NATA' then 'ALL'
                when 'NATD' then '000'
                when '' then null
                else substring({{ codes }} from '(?:^|;)NAT=([^;]*)')
            end,
            'TOTAL'
        ),
        case substring({{ codes }} from '(?:^|;)GES=([^;]*)')
            when 'GESM' then 'male'
            when 'GESW' then 'female'
            else 'all'
        end,
        {{ genesis_is_by(codes, 'GES|NAT|STAAG[^=;]*') }}
    )
) as attributes (nationality, sex, is_plain)
{%- endmacro %}


{#- Name of a nationality or group, as the seeds of nationalities have it or the group's id. -#}
{% macro nationality_name(nationality, listed_name) -%}
case {{ nationality }}
    when 'TOTAL' then 'Alle Personen'
    when 'ALL' then 'Ausländische Personen'
    else coalesce({{ listed_name }}, {{ nationality }})
end
{%- endmacro %}

{#- What kind of group that is: all persons, all foreign ones, a group of countries, a country; else unknown. -#}
{% macro nationality_kind(nationality, listed_kind, group) -%}
case
    when {{ nationality }} = 'TOTAL' then 'total'
    when {{ nationality }} = 'ALL' then 'all'
    when {{ group }} is not null then 'group'
    when {{ listed_kind }} is not null then 'country'
    else 'unknown'
end
{%- endmacro %}

{#-
    Figures of a mart's rows that were read from a line, as the CTE `read_values`: those named, from the row's own line, and
    the inhabitants, from theirs. `keyed` has the columns of the mart and those that say which tree it is.
-#}
{% macro read_of_labour(keyed, figures) -%}
read_values as (

    select
        keyed.mart,
        keyed.row_key,
        keyed.region_code,
        keyed.reference_year,
        keyed.method,
        figures.*
    from {{ keyed }} as keyed
    cross join lateral (
        values
        {%- for figure in figures %}
        ('{{ figure }}', cast(keyed.{{ figure }} as numeric), keyed.evidence, keyed.source, keyed.source_sha256, keyed.line_number),
        {%- endfor %}
        (
            'inhabitants_persons', cast(keyed.inhabitants_persons as numeric), keyed.inhabitants_evidence,
            keyed.inhabitants_source, keyed.inhabitants_source_sha256, keyed.inhabitants_line_number
        )
    ) as figures (figure, value, evidence, source, source_sha256, line_number)
    where figures.value is not null
        and figures.line_number is not null

)
{%- endmacro %}

{#-
    Trees of inhabitants that are of a group, which has no line: they go on in `foreign_population`, which adds the same
    lines up. `keyed` as for `read_of_labour`.
-#}
{% macro group_inhabitants_nodes(keyed) -%}
select
    {{ node("'1'", "'figure'", "'read'", "'inhabitants_persons'", 'inhabitants_persons', figure="'inhabitants_persons'",
        evidence='inhabitants_evidence') }}
from {{ keyed }}
where inhabitants_persons is not null
    and inhabitants_line_number is null

union all

select
    {{ node("'1.1'", "'figure_reference'", "'refers'", "'persons'", 'inhabitants_persons', figure="'inhabitants_persons'",
        evidence='inhabitants_evidence', refers_to_mart="'foreign_population'", refers_to_row_key='foreigners_key',
        refers_to_figure="'persons'", refers_to_path="'1'") }}
from (
    select
        keyed.*,
        found.foreigners_key
    from {{ keyed }} as keyed
    left join lateral (
        select {{ row_key([
            'region_code', 'source_region_code', 'reference_date', 'nationality', 'sex', 'source', 'table_code',
        ]) }} as foreigners_key
        from {{ ref('foreign_population') }} as foreigners
        where foreigners.region_code = keyed.region_code
            and foreigners.reference_date = keyed.inhabitants_date
            and foreigners.nationality = keyed.nationality
            and foreigners.sex = keyed.sex
            and foreigners.source = keyed.inhabitants_source
            and foreigners.table_code = keyed.inhabitants_table_code
            and foreigners.persons = keyed.inhabitants_persons
        order by foreigners.source_region_code
        limit 1
    ) as found on true
    where keyed.inhabitants_persons is not null
        and keyed.inhabitants_line_number is null
) as led_on
{%- endmacro %}

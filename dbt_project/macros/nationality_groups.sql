{#-
    CTEs that name each count of foreign persons by its nationality, give the reason where it is missing and the ends of
    what its rounding leaves open, and add up groups of countries. The model imports nationality_keys (nationality),
    nationality_groups (nationality_group), places (place) and evidence_classes. The last CTE is `foreigners_grouped`.
-#}
{% macro grouped_foreigners(counted) -%}
placed as (

    select
        counted.*,
        dissolved.region_code is not null as is_dissolved,
        bool_or(counted.persons is not null) over (
            partition by counted.source, counted.table_code, counted.source_region_code, counted.reference_date
        ) as has_numbers
    from {{ counted }} as counted
    left join places as dissolved
        on counted.region_code = dissolved.region_code
            and counted.reference_date > dissolved.valid_to

),

reasoned as (

    select
        placed.*,
        case
            when persons is not null then null
            when source = 'register' then 'confidential'
            when is_dissolved then 'place_dissolved'
            else coalesce({{ sign_reason('value_sign', '(half_width is not null and has_numbers)') }}, 'not_published')
        end as reason
    from placed

),

named as (

    select
        reasoned.*,
        case
            when reasoned.nationality_code ~ '^[1-59]$' then 'CONTINENT_' || reasoned.nationality_code
            else reasoned.nationality_code
        end as nationality,
        case
            when reasoned.nationality_code = 'ALL' then 'all'
            when reasoned.nationality_code ~ '^[1-59]$' then 'continent'
            when reasoned.nationality_code ~ '^[0-9]{3}$' then 'country'
            else 'group'
        end as nationality_kind,
        case
            when reasoned.nationality_code = 'ALL' then 'Ausländische Bevölkerung'
            else coalesce(keys.nationality_name, reasoned.delivered_name, reasoned.nationality_code)
        end as nationality_name,
        case when reasoned.nationality_code ~ '^[0-9]{3}$' then keys.nationality_code is not null end as is_in_key,
        case
            when reasoned.reason = 'none_or_rounded_away' then 0
            when reasoned.persons >= reasoned.half_width then reasoned.persons - reasoned.half_width
            when reasoned.persons < reasoned.half_width then 0
        end as persons_low,
        case
            when reasoned.persons is not null then reasoned.persons + reasoned.half_width
            when reasoned.reason = 'none_or_rounded_away' then reasoned.half_width
        end as persons_high,
        evidence_classes.evidence_class_rank
    from reasoned
    left join nationality_keys as keys
        on reasoned.nationality_code = keys.nationality_code
    left join evidence_classes
        on reasoned.evidence = evidence_classes.evidence_class

),

members as (

    select
        nationality_group,
        string_agg(nationality_name, ', ' order by nationality_code) as group_name,
        count(*) as countries
    from nationality_groups
    group by nationality_group

),

group_sums as (

    select
        named.region_code,
        named.source_region_code,
        named.reference_date,
        nationality_groups.nationality_group,
        named.sex,
        named.source,
        named.table_code,
        count(named.persons) as counted_countries,
        count(*) filter (where named.persons is not null or named.reason = 'none_or_rounded_away') as known_countries,
        bool_and(named.is_dissolved) as is_dissolved,
        sum(named.persons) as persons,
        sum(coalesce(named.persons_low, named.persons)) as persons_low,
        sum(coalesce(named.persons_high, named.persons)) as persons_high,
        bool_or(named.half_width is not null) as is_rounded,
        max(named.evidence_class_rank) as evidence_rank
    from named
    inner join nationality_groups
        on named.nationality_code = nationality_groups.nationality_code
    where named.table_code <> ''
    group by
        named.region_code,
        named.source_region_code,
        named.reference_date,
        nationality_groups.nationality_group,
        named.sex,
        named.source,
        named.table_code

),

group_rows as (

    select
        sums.*,
        members.group_name,
        members.countries,
        sums.known_countries = members.countries as is_known
    from group_sums as sums
    inner join members
        on sums.nationality_group = members.nationality_group

),

untotalled as (

    select
        region_code,
        source_region_code,
        reference_date,
        sex,
        source,
        table_code,
        bool_and(is_dissolved) as is_dissolved
    from named
    where table_code <> ''
    group by region_code, source_region_code, reference_date, sex, source, table_code
    having not bool_or(nationality_kind = 'all')

),

foreigners_grouped as (

    select
        region_code, source_region_code, reference_date, nationality, nationality_name, nationality_kind, is_in_key, sex,
        persons, persons_low, persons_high, value_sign, reason, evidence,
        source, table_code, source_file_name, source_sha256, line_number
    from named

    union all

    select
        region_code, source_region_code, reference_date, nationality_group, group_name, 'group', null, sex,
        case when is_known and counted_countries > 0 then cast(persons as bigint) end,
        case when is_known and is_rounded then cast(persons_low as bigint) end,
        case when is_known and is_rounded then cast(persons_high as bigint) end,
        null,
        case
            when is_known and counted_countries > 0 then null
            when is_known then 'none_or_rounded_away'
            when is_dissolved then 'place_dissolved'
            else 'country_of_group_unknown'
        end,
        case
            when countries = 1 then {{ evidence_of_rank('evidence_rank') }}
            else {{ weakest_evidence([evidence_of_rank('evidence_rank'), "'derived'"]) }}
        end,
        source, table_code, null, null, null
    from group_rows

    union all

    select
        region_code, source_region_code, reference_date, 'ALL', 'Ausländische Bevölkerung', 'all', null, sex,
        null, null, null, null,
        case when is_dissolved then 'place_dissolved' else 'total_not_published' end,
        null,
        source, table_code, null, null, null
    from untotalled

)
{%- endmacro %}

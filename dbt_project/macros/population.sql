{#-
    CTEs that unite the EU2 counts of all sources and compute changes, the one place of either: over a register's exact
    counts for the statistics office, and over what is shown of them for everybody else. `register_counts` is a CTE with
    the counts, eu2_precision_persons, eu2_low_persons and eu2_high_persons (what the count may be), is_confidential and
    both evidence columns; series_years, nationalities, nationality_groups and evidence_classes are imported by the model.
    The last CTE is `compared`.
-#}
{% macro united_eu2(register_counts) -%}
nationalities_paired as (

    select
        nationalities.region_code,
        nationalities.source_region_code,
        nationalities.reference_date,
        max(nationalities.persons) filter (where nationality_groups.country = 'BG') as bulgaria_persons,
        max(nationalities.persons) filter (where nationality_groups.country = 'RO') as romania_persons,
        max(evidence_classes.evidence_class_rank) as evidence_rank
    from nationalities
    inner join nationality_groups
        on nationalities.nationality_code = nationality_groups.nationality_code
            and nationality_groups.nationality_group = 'EU2'
    left join evidence_classes
        on nationalities.evidence = evidence_classes.evidence_class
    group by nationalities.region_code, nationalities.source_region_code, nationalities.reference_date

),

from_series as (

    select
        region_code,
        region_code as source_region_code,
        reference_date,
        'eu2_series' as source,
        -- a year that only the running text names is no member of the table's series
        printed_in as series,
        bulgaria_persons,
        romania_persons,
        eu2_persons,
        0 as eu2_precision_persons,
        change_printed_persons,
        change_printed_pct,
        source_name,
        evidence,
        evidence as eu2_evidence,
        eu2_persons as eu2_low_persons,
        eu2_persons as eu2_high_persons,
        false as is_confidential
    from series_years

),

from_azr as (

    select
        region_code,
        source_region_code,
        reference_date,
        'azr_nrw' as source,
        'azr_nrw' as series,
        bulgaria_persons,
        romania_persons,
        -- NULL as soon as one of the two is not known: a sign is not a zero
        bulgaria_persons + romania_persons as eu2_persons,
        -- each count is off by 2 at most, having been rounded to 5
        case when bulgaria_persons + romania_persons is not null then 4 end as eu2_precision_persons,
        cast(null as bigint) as change_printed_persons,
        cast(null as numeric) as change_printed_pct,
        'Ausländerzentralregister' as source_name,
        -- a sum of two counts is derived, however well published they are
        case
            when bulgaria_persons + romania_persons is null then {{ evidence_of_rank('evidence_rank') }}
            else {{ weakest_evidence([evidence_of_rank('evidence_rank'), "'derived'"]) }}
        end as evidence,
        case
            when bulgaria_persons + romania_persons is not null
                then {{ weakest_evidence([evidence_of_rank('evidence_rank'), "'derived'"]) }}
        end as eu2_evidence,
        -- off by its precision, and by nothing that disclosure control adds: it is as published
        bulgaria_persons + romania_persons as eu2_low_persons,
        bulgaria_persons + romania_persons as eu2_high_persons,
        false as is_confidential
    from nationalities_paired

),

from_register as (

    select
        region_code,
        region_code as source_region_code,
        reference_date,
        'register' as source,
        'register' as series,
        bulgaria_persons,
        romania_persons,
        eu2_persons,
        eu2_precision_persons,
        cast(null as bigint) as change_printed_persons,
        cast(null as numeric) as change_printed_pct,
        'Melderegister' as source_name,
        evidence,
        eu2_evidence,
        eu2_low_persons,
        eu2_high_persons,
        is_confidential
    from {{ register_counts }}

),

united as (

    select * from from_series
    union all
    select * from from_azr
    union all
    select * from from_register

),

with_previous as (

    select
        current_year.*,
        previous_year.reference_date as previous_reference_date,
        previous_year.eu2_persons as previous_eu2_persons,
        previous_year.source_name as previous_source_name
    from united as current_year
    left join united as previous_year
        on current_year.source = previous_year.source
            and current_year.series = previous_year.series
            and current_year.region_code = previous_year.region_code
            and current_year.source_region_code = previous_year.source_region_code
            and previous_year.eu2_persons is not null
            and previous_year.reference_date = current_year.reference_date - interval '1 year'

),

changed as (

    select
        with_previous.*,
        case
            when eu2_persons is not null and previous_eu2_persons is not null then 'recomputed'
            when change_printed_persons is not null then 'as_published'
            else 'none'
        end as change_basis
    from with_previous

),

compared as (

    select
        changed.*,
        case change_basis
            when 'recomputed' then eu2_persons - previous_eu2_persons
            when 'as_published' then change_printed_persons
        end as change_persons,
        case change_basis
            when 'recomputed' then {{ printed_percentage('(eu2_persons - previous_eu2_persons)', 'previous_eu2_persons') }}
            when 'as_published' then change_printed_pct
        end as change_pct,
        -- of a printed change nobody says where the year before was counted
        case when change_basis = 'recomputed' then coalesce(source_name, '') <> coalesce(previous_source_name, '') end
            as is_across_sources
    from changed

)
{%- endmacro %}

{#- Name of a group of nationalities where there is no country to name: all foreign persons, or the group's id. -#}
{% macro group_name(nationality) -%}
case when {{ nationality }} = 'ALL' then 'Ausländische Staatsangehörige insgesamt' else {{ nationality }} end
{%- endmacro %}

{#- Whether a row of the register says that its person lives there on the reference date: `prefix` is the row's alias. -#}
{% macro is_resident(prefix='') -%}
{{ prefix }}residence_type = 'main'
and {{ prefix }}moved_in_on <= {{ prefix }}reference_date
and ({{ prefix }}moved_out_on is null or {{ prefix }}moved_out_on > {{ prefix }}reference_date)
{%- endmacro %}

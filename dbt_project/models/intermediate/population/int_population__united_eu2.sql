-- grain: one row per region, reference date and source. Not masked.
-- The one place where EU2 counts of all sources meet and where changes are computed.
with

series_years as (

    select * from {{ ref('stg_eu2_series__year') }}

),

nationalities as (

    select * from {{ ref('stg_azr_nrw__nationality') }}

),

register_counts as (

    select * from {{ ref('int_population__counted_register') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

control_totals as (

    select * from {{ ref('control_total') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

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
        evidence as eu2_evidence
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
        end as eu2_evidence
    from nationalities_paired

),

from_register as (

    select
        register_counts.region_code,
        register_counts.region_code as source_region_code,
        register_counts.reference_date,
        'register' as source,
        'register' as series,
        register_counts.bulgaria_persons,
        register_counts.romania_persons,
        register_counts.eu2_persons,
        0 as eu2_precision_persons,
        cast(null as bigint) as change_printed_persons,
        cast(null as numeric) as change_printed_pct,
        'Melderegister' as source_name,
        register_counts.evidence,
        {{ evidence_of_sum(
            'register_counts.evidence',
            'register_counts.eu2_persons',
            'control_totals.value',
            'control_totals.evidence',
        ) }} as eu2_evidence
    from register_counts
    left join control_totals
        on control_totals.source = 'register'
            and control_totals.measure = 'eu2_persons'
            and register_counts.region_code = control_totals.region_code
            and extract(year from register_counts.reference_date) = control_totals.reference_year

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
        previous_year.bulgaria_persons as previous_bulgaria_persons,
        previous_year.romania_persons as previous_romania_persons,
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

final as (

    select
        region_code,
        source_region_code,
        {{ region_level('region_code') }} as region_level,
        reference_date,
        source,
        'EU2' as nationality_group,
        bulgaria_persons,
        romania_persons,
        eu2_persons,
        eu2_precision_persons,
        previous_reference_date,
        previous_bulgaria_persons,
        previous_romania_persons,
        previous_eu2_persons,
        case change_basis
            when 'recomputed' then eu2_persons - previous_eu2_persons
            when 'as_published' then change_printed_persons
        end as change_persons,
        case change_basis
            when 'recomputed' then {{ printed_percentage('(eu2_persons - previous_eu2_persons)', 'previous_eu2_persons') }}
            when 'as_published' then change_printed_pct
        end as change_pct,
        change_basis,
        change_printed_persons as printed_change_persons,
        change_printed_pct as printed_change_pct,
        source_name,
        evidence,
        eu2_evidence,
        previous_source_name,
        -- of a printed change nobody says where the year before was counted
        case when change_basis = 'recomputed' then coalesce(source_name, '') <> coalesce(previous_source_name, '') end
            as is_across_sources
    from changed

)

select * from final

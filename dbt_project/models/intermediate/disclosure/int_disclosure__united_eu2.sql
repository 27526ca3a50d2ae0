-- grain: one row per region, reference date and source.
-- EU2 counts of all sources and their changes as readers may see them: those of a register by their classes.
with

series_years as (

    select * from {{ ref('stg_eu2_series__year') }}

),

nationalities as (

    select * from {{ ref('stg_azr_nrw__nationality') }}

),

nationality_groups as (

    select * from {{ ref('nationality_group') }}

),

register_cells as (

    select * from {{ ref('int_disclosure__register_cell') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

register_counts as (

    select
        wholes.region_code,
        wholes.reference_date,
        bulgarians.shown_persons as bulgaria_persons,
        romanians.shown_persons as romania_persons,
        wholes.shown_persons as eu2_persons,
        case
            when wholes.evidence = 'published' then 0
            when wholes.shown_persons is not null then cast(wholes.class_high_persons - wholes.shown_persons as integer)
        end as eu2_precision_persons,
        bulgarians.evidence,
        wholes.evidence as eu2_evidence,
        wholes.class_low_persons as eu2_low_persons,
        wholes.class_high_persons as eu2_high_persons,
        wholes.shown_persons is null or bulgarians.shown_persons is null as is_confidential
    from register_cells as wholes
    inner join register_cells as bulgarians
        on wholes.region_code = bulgarians.region_code
            and wholes.reference_date = bulgarians.reference_date
            and bulgarians.cell_group = 'BG'
    inner join register_cells as romanians
        on wholes.region_code = romanians.region_code
            and wholes.reference_date = romanians.reference_date
            and romanians.cell_group = 'RO'
    where wholes.cell_group = 'EU2'

),

{{ united_eu2('register_counts') }},

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
        previous_eu2_persons,
        change_persons,
        change_pct,
        change_basis,
        change_printed_persons as printed_change_persons,
        change_printed_pct as printed_change_pct,
        source_name,
        evidence,
        eu2_evidence,
        previous_source_name,
        is_across_sources,
        eu2_low_persons,
        eu2_high_persons,
        is_confidential
    from compared

)

select * from final

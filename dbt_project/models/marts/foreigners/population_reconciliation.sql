-- grain: one row per place, date and group of which a municipality's own count is known, delivered or printed.
-- Its register, the AZR and what was printed side by side: only counts of one date meet, and none replaces another.
with

foreigners as (

    select * from {{ ref('foreign_population') }}

),

printed as (

    select * from {{ ref('control_total') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

{{ counts_of_one_date('foreigners', 'printed') }},

final as (

    select
        compared.region_code,
        coalesce(regions.region_name, compared.region_code) as region_name,
        {{ region_level('compared.region_code') }} as region_level,
        compared.source_region_code,
        compared.reference_date,
        compared.nationality,
        compared.nationality_name,
        'group' as nationality_kind,
        compared.register_persons,
        compared.register_persons_low,
        compared.register_persons_high,
        compared.register_evidence,
        compared.published_persons,
        compared.published_document,
        compared.published_evidence,
        compared.azr_persons,
        compared.azr_persons_low,
        compared.azr_persons_high,
        compared.azr_source,
        compared.azr_table_code,
        compared.azr_source_region_code,
        compared.azr_document,
        compared.azr_evidence,
        compared.compared_count,
        compared.compared_persons,
        compared.residences,
        compared.compared_persons - compared.azr_persons as difference_persons,
        compared.difference_persons_low,
        compared.difference_persons_high,
        round({{ percentage('(compared.compared_persons - compared.azr_persons)', 'compared.azr_persons') }}, 2)
            as difference_pct,
        case
            when compared.difference_persons_low > 0 then 'above_azr'
            when compared.difference_persons_high < 0 then 'below_azr'
            when compared.azr_persons is not null and compared.compared_persons is not null then 'within_rounding'
        end as verdict,
        case
            when compared.register_persons is not null and compared.published_persons is not null
                then
                    compared.published_persons between coalesce(compared.register_persons_low, compared.register_persons)
                    and coalesce(compared.register_persons_high, compared.register_persons)
        end as is_published_met,
        case
            when compared.compared_persons is null then compared.register_reason
            when compared.azr_persons is null then 'azr_of_that_date_missing'
        end as reason,
        case
            when compared.azr_persons is not null and compared.compared_persons is not null
                then {{ weakest_evidence(['compared.compared_evidence', 'compared.azr_evidence', "'derived'"]) }}
        end as evidence
    from compared
    left join regions
        on compared.region_code = regions.region_code

)

select * from final

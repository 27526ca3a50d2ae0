-- grain: one row per municipality, measure, region, method and year from and to, and part of the difference.
-- Parts sum to the difference exactly. Both figures are of one publication; `lagebild figure bridge` compares two.
with

costs as (

    select * from {{ ref('cost_per_person') }}

),

extrapolations as (

    select * from {{ ref('cost_extrapolation') }}

),

parts as (

    {{ bridge_parts('costs', 'extrapolations', 'costs', 'extrapolations') }}

),

final as (

    select
        municipality_ags,
        measure,
        region_code,
        from_method,
        from_method_version,
        from_year,
        to_method,
        to_method_version,
        to_year,
        part_order,
        part,
        cast(part_eur as numeric(18, 2)) as part_eur,
        cast(from_eur as numeric(18, 2)) as from_eur,
        cast(to_eur as numeric(18, 2)) as to_eur,
        cast(to_eur - from_eur as numeric(18, 2)) as difference_eur,
        case when part = 'data_revision' then 'nothing_by_construction' end as reason,
        {{ weakest_evidence(['from_evidence', 'to_evidence', "'derived'"]) }} as evidence,
        caption_de,
        caption_en
    from parts
    where from_year < to_year
        or (from_year = to_year and from_method < to_method)

)

select * from final

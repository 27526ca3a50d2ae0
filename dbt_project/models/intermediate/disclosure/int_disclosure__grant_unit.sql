-- grain: one row per delivered list of grants, funder, state, year of beginning (or all years) and amounts of a grant.
-- Lists have no code of a grant. What a cell holds is so many grants of these amounts: a title that is worded anew is no
-- other grant, and shows in no figure. Of the lists that this build reads and of those behind earlier publications.
with

esf_operations as (

    select
        source,
        delivery_id,
        list_period,
        source_sha256,
        line_number,
        region_code,
        starts_on,
        total_cost_eur,
        union_share_eur,
        evidence,
        true as is_read
    from {{ ref('stg_esf__operation') }}

    union all

    select
        source,
        delivery_id,
        list_period,
        source_sha256,
        line_number,
        region_code,
        starts_on,
        total_cost_eur,
        union_share_eur,
        evidence,
        false as is_read
    from {{ ref('stg_esf__earlier_operation') }}

),

federal_projects as (

    select
        delivery_id,
        list_period,
        source_sha256,
        line_number,
        ministry,
        recipient_ags,
        starts_on,
        federal_amount_eur,
        evidence,
        true as is_read
    from {{ ref('stg_foerderkatalog__project') }}

    union all

    select
        delivery_id,
        list_period,
        source_sha256,
        line_number,
        ministry,
        recipient_ags,
        starts_on,
        federal_amount_eur,
        evidence,
        false as is_read
    from {{ ref('stg_foerderkatalog__earlier_project') }}

),

{{ placed_grants('esf_operations', 'federal_projects', ['is_read', 'list_period']) }},

final as (

    select
        source,
        delivery_id,
        list_period,
        is_read,
        known_funder as funder,
        known_region as region_code,
        case grouping(begin_year) when 0 then begin_year else 'all' end as begin_year,
        total_cost_eur,
        granted_eur,
        count(*) as units
    from placed
    group by
        grouping sets (
            (source, delivery_id, list_period, is_read, known_funder, known_region, total_cost_eur, granted_eur, begin_year),
            (source, delivery_id, list_period, is_read, known_funder, known_region, total_cost_eur, granted_eur)
        )

)

select * from final

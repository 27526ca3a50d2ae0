-- grain: one row per delivered list of grants, funder, state, year of beginning (or all years) and amounts of a grant.
-- Lists have no code of a grant. What a cell holds is so many grants of these amounts: a title that is worded anew is no
-- other grant, and shows in no figure. Of the lists that this build reads and of those behind earlier publications.
with

esf_operations as (

    {{ read_and_earlier(
        ref('stg_esf__operation'),
        ref('stg_esf__earlier_operation'),
        ['source', 'region_code', 'total_cost_eur', 'union_share_eur'],
    ) }}

),

federal_projects as (

    {{ read_and_earlier(
        ref('stg_foerderkatalog__project'),
        ref('stg_foerderkatalog__earlier_project'),
        ['ministry', 'recipient_ags', 'federal_amount_eur'],
    ) }}

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

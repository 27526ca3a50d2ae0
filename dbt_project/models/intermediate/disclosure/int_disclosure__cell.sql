-- grain: one row per cell of a mart that counts persons or adds up amounts of few units.
-- The one place that says what is shown: marts that show such a figure, or one made from it, join it. Never published.
with

grant_cells as (

    select
        'grant' as domain,
        'funding_granted' as mart,
        region_code as place,
        begin_year as reference,
        {{ row_key(['delivery_id', 'funder']) }} as cell_group,
        units,
        coalesce(cost_eur, granted_eur) as total_eur,
        case when cost_eur is null then largest_granted_eur else largest_cost_eur end as largest_eur,
        case when cost_eur is null then second_granted_eur else second_cost_eur end as second_largest_eur,
        rule,
        is_shown,
        case when begin_year <> 'all' then 'all' end as parent
    from {{ ref('int_disclosure__grant_cell') }}

),

final as (

    select
        domain,
        mart,
        place,
        reference,
        cell_group,
        units,
        total_eur,
        largest_eur,
        second_largest_eur,
        rule,
        is_shown,
        parent
    from grant_cells

)

select * from final

-- grain: one row per row of the mart funding_granted in a content that readers can see, and delivery behind it.
with

published as (

    select * from {{ earlier_published('funding_granted') }}

),

final as (

    select
        content_id,
        source,
        delivery_id,
        loaded,
        source_period as list_period,
        funder,
        region_code,
        begin_year,
        operations,
        total_cost_eur,
        granted_eur
    from published

)

select * from final

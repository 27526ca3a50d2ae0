-- grain: one row per day from 2000 to 2049.
-- Read by semantic models alone (models/semantic). A view: dbt takes no ephemeral model for a time spine.
{{ config(materialized='view', post_hook=[]) }}

with

days as (

    select generate_series(date '2000-01-01', date '2049-12-31', interval '1 day') as starts_at

),

final as (

    select
        cast(starts_at as date) as day,
        cast(date_trunc('year', starts_at) as date) as year_begins_on
    from days

)

select * from final

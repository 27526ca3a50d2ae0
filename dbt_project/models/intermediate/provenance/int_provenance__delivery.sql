-- grain: one row per delivery that the build reads.
-- Verdicts and decisions as they were when the build read them: a published tree does not change later.
with

deliveries as (

    select * from {{ fixed_deliveries() }} as fixed

),

final as (

    select
        source,
        sha256,
        delivery_id,
        period,
        file_name,
        records,
        passed_count as checks_passed_count,
        warned_count as checks_warned_count,
        failed_count as checks_failed_count,
        decided_at as accepted_at,
        decided_why as accepted_why
    from deliveries

)

select * from final

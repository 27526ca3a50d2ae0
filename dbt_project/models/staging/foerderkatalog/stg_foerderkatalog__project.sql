-- grain: one row per grant.
with

delivered as (

    select * from {{ delivered('foerderkatalog', 'project') }}

),

final as (

    select
        funding_code,
        ministry,
        agency,
        recipient_ags,
        executing_ags,
        topic,
        plan_code,
        plan_text,
        starts_on,
        ends_on,
        federal_amount_eur,
        funding_profile,
        project,
        funding_kind,
        evidence,
        line_number,
        source_sha256,
        source_file_name,
        delivery_id,
        source_period as list_period
    from {{ latest_period('delivered', ['funding_code']) }}

)

select * from final

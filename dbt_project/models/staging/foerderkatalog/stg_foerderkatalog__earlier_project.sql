-- grain: one row per grant of a catalogue that only builds behind earlier publications read.
with

delivered as (

    select * from {{ earlier_delivered('foerderkatalog', 'project') }}

),

final as (

    select
        ministry,
        recipient_ags,
        starts_on,
        federal_amount_eur,
        evidence,
        line_number,
        source_sha256,
        delivery_id,
        source_period as list_period
    from delivered

)

select * from final

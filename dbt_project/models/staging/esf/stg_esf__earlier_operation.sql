-- grain: one row per line of a list of operations that only builds behind earlier publications read.
with

bayern as (

    select * from {{ earlier_delivered('esf_bayern', 'operation') }}

),

berlin as (

    select * from {{ earlier_delivered('esf_berlin', 'operation') }}

),

bremen as (

    select * from {{ earlier_delivered('esf_bremen', 'operation') }}

),

hessen as (

    select * from {{ earlier_delivered('esf_hessen', 'operation') }}

),

nrw as (

    select * from {{ earlier_delivered('esf_nrw', 'operation') }}

),

sachsen as (

    select * from {{ earlier_delivered('esf_sachsen', 'operation') }}

),

{{ united_esf_lists() }},

final as (

    select
        source,
        region_code,
        starts_on,
        total_cost_eur,
        {{ union_share() }} as union_share_eur,
        evidence,
        line_number,
        source_sha256,
        delivery_id,
        source_period as list_period
    from united

)

select * from final

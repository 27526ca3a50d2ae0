-- grain: one row per line of a list of operations: the lists have no operation code, and lines may repeat.
with

bayern as (

    select * from {{ delivered('esf_bayern', 'operation') }}

),

berlin as (

    select * from {{ delivered('esf_berlin', 'operation') }}

),

bremen as (

    select * from {{ delivered('esf_bremen', 'operation') }}

),

hessen as (

    select * from {{ delivered('esf_hessen', 'operation') }}

),

nrw as (

    select * from {{ delivered('esf_nrw', 'operation') }}

),

sachsen as (

    select * from {{ delivered('esf_sachsen', 'operation') }}

),

{{ united_esf_lists() }},

final as (

    select
        source,
        region_code,
        trim(operation) as operation,
        starts_on,
        ends_on,
        ends_on >= starts_on as is_period_possible,
        total_cost_eur,
        cofinancing_rate_pct,
        {{ union_share() }} as union_share_eur,
        location,
        intervention,
        evidence,
        line_number,
        source_sha256,
        source_file_name,
        delivery_id,
        source_period as list_period
    from united

)

select * from final

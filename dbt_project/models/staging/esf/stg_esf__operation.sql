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

sachsen as (

    select * from {{ delivered('esf_sachsen', 'operation') }}

),

united as (

    select
        'esf_bayern' as source,
        '09' as region_code,
        operation,
        starts_on,
        ends_on,
        total_cost_eur,
        cofinancing_rate_pct,
        location,
        intervention_code as intervention,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from bayern

    union all

    select
        'esf_sachsen' as source,
        '14' as region_code,
        operation,
        starts_on,
        ends_on,
        total_cost_eur,
        cofinancing_rate_pct,
        location,
        intervention,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from sachsen

    union all

    select
        'esf_berlin' as source,
        '11' as region_code,
        operation,
        starts_on,
        ends_on,
        total_cost_eur,
        cofinancing_rate_pct,
        location,
        intervention,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from berlin

    union all

    select
        'esf_bremen' as source,
        '04' as region_code,
        operation,
        starts_on,
        ends_on,
        total_cost_eur,
        round(100 * cofinancing_ratio, 2) as cofinancing_rate_pct,
        location,
        intervention_code as intervention,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from bremen

    union all

    select
        'esf_hessen' as source,
        '06' as region_code,
        operation,
        starts_on,
        ends_on,
        total_cost_eur,
        null as cofinancing_rate_pct,
        location,
        intervention_code as intervention,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from hessen

),

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
        round(total_cost_eur * cofinancing_rate_pct / 100, 2) as union_share_eur,
        location,
        intervention,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from united

)

select * from final

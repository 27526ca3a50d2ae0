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

regions as (

    select * from {{ ref('region') }}

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

    union all

    -- this list alone says where an operation is, and some are in other states
    select
        'esf_nrw' as source,
        regions.region_code,
        nrw.operation,
        nrw.starts_on,
        nrw.ends_on,
        nrw.total_cost_eur,
        round(100 * nrw.cofinancing_ratio, 2) as cofinancing_rate_pct,
        -- a cell that is a number has lost the zero of a postcode, which has five digits in Germany
        concat_ws(
            ' ',
            case
                when nrw.country like 'Deutschland%' and nrw.postcode ~ '^[0-9]{4}$' then lpad(nrw.postcode, 5, '0')
                else nrw.postcode
            end,
            nrw.location
        ) as location,
        nrw.intervention_code as intervention,
        nrw.evidence,
        nrw.line_number,
        nrw.source_sha256,
        nrw.source_file_name
    from nrw
    left join regions
        on
            regions.region_level = 'state'
            and regexp_replace(trim(nrw.country), '^Deutschland, *', '') = regions.region_name

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

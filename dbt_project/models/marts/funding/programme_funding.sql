-- grain: one row per printed funding figure. Amounts are never summed here: some are parts of others.
with

programmes as (

    select * from {{ ref('stg_funding__programme') }}

),

periods as (

    select * from {{ ref('programme_period') }}

),

precisions as (

    select * from {{ ref('print_precision') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

wholes as (

    -- totals whose parts stand in other rows by our reading
    select distinct part_of as figure_id
    from periods
    where part_of is not null

),

final as (

    select
        programmes.figure_id,
        programmes.programme,
        programmes.funding_level,
        programmes.region_code,
        programmes.period_printed,
        programmes.amount_printed,
        programmes.amount_eur,
        programmes.amount_qualifier,
        programmes.amount_per,
        programmes.part_of,
        programmes.source_document,
        programmes.remark,
        programmes.evidence,
        periods.programme_id,
        periods.amount_first_year,
        periods.amount_last_year,
        round({{ lower_end('programmes.amount_eur', 'precisions') }}, 2) as amount_low_eur,
        round({{ upper_end('programmes.amount_eur', 'precisions') }}, 2) as amount_high_eur,
        programmes.granted_eur,
        programmes.called_eur,
        programmes.proven_eur,
        programmes.paid_back_eur,
        programmes.own_share_eur,
        programmes.part_of is null
        and programmes.amount_per <> 'not_stated'
        and wholes.figure_id is null
        -- what a municipality gets from others is in what those pay; what it pays itself is in nobody else's list
        and (length(programmes.region_code) < 8 or programmes.funding_level = 'Kommune') as is_addable,
        regions.region_name
    from programmes
    left join regions
        on programmes.region_code = regions.region_code
    left join periods
        on programmes.figure_id = periods.figure_id
    left join precisions
        on programmes.amount_qualifier = precisions.qualifier
    left join wholes
        on programmes.figure_id = wholes.figure_id

)

select * from final

-- grain: one row per row of refinancing, figure and node of its tree: rows of its payer, or the payers' sum.
with

refinancings as (

    select * from {{ ref('refinancing') }}

),

receipts as (

    select * from {{ ref('stg_funding_received__receipt') }}

),

refinancing_trees as (

    select
        'refinancing' as mart,
        {{ row_key(['region_code', 'accrual_year', 'method', 'funding_level']) }} as row_key,
        'received_eur' as figure,
        {{ row_key(['region_code', 'accrual_year', 'method']) }} as level_key,
        refinancings.*
    from refinancings

),

received_rows as (

    select
        refinancing_trees.mart,
        refinancing_trees.row_key,
        refinancing_trees.figure,
        refinancing_trees.region_code,
        refinancing_trees.reference_year,
        refinancing_trees.method,
        receipts.amount_eur,
        receipts.amount_printed,
        receipts.evidence,
        'funding_received' as source,
        receipts.source_sha256,
        receipts.line_number,
        row_number() over (
            partition by refinancing_trees.row_key
            order by receipts.source_sha256, receipts.line_number
        ) as part_number
    from refinancing_trees
    inner join receipts
        on refinancing_trees.region_code = receipts.region_code
            and refinancing_trees.accrual_year = coalesce(cast(receipts.accrual_year as text), 'not_stated')
            and refinancing_trees.funding_level = receipts.funding_level

),

payers as (

    select
        sums.mart,
        sums.row_key,
        sums.figure,
        sums.region_code,
        sums.reference_year,
        sums.method,
        parts.received_eur,
        parts.evidence as payer_evidence,
        parts.funding_level as payer,
        parts.row_key as payer_key,
        row_number() over (partition by sums.row_key order by parts.funding_level) as payer_number
    from refinancing_trees as sums
    inner join refinancing_trees as parts
        on sums.level_key = parts.level_key
            and sums.funding_level = 'third_party'
            and parts.funding_level in ('EU', 'Bund', 'Land')

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'sum'", "'received_eur'", 'received_eur', evidence='evidence', reason='reason',
            detail_de='funding_level', detail_en='funding_level') }}
    from refinancing_trees

    union all

    select
        {{ row_leaf("'1.' || part_number", "'received_eur'", 'amount_eur', detail='amount_printed') }}
    from received_rows

    union all

    select
        {{ node("'1.' || payer_number", "'figure_reference'", "'refers'", "'received_eur'", 'received_eur',
            evidence='payer_evidence', detail_de='payer', detail_en='payer', refers_to_mart="'refinancing'",
            refers_to_row_key='payer_key', refers_to_figure="'received_eur'", refers_to_path="'1'") }}
    from payers

    union all

    {{ computed_nodes('refinancing', 'refinancing_trees') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final

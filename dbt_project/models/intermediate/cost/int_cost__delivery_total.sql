-- grain: one row per delivery, municipality, year of the books, fiscal year, product, account and target group.
-- Incremental: a delivery never changes, so what was added up of it stays, as long as the code is the same.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='sync_all_columns',
        pre_hook=[
            "{{ hashed_not_sorted() }}",
            "{% if is_incremental() %}{{ drop_totals_of_others(this) }}{% endif %}",
        ]
    )
}}
with

lines as (

    select * from {{ ref('int_cost__ledger_line') }}
    {% if is_incremental() %}
        where delivery_id in ({{ deliveries_to_total() }})
    {% endif %}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

final as (

    select
        lines.source,
        lines.delivery_id,
        lines.region_code as municipality_ags,
        lines.reported_year,
        lines.booked_year,
        lines.fiscal_year,
        lines.product_code,
        lines.account_code,
        lines.target_group,
        lines.source_sha256,
        max(lines.product_name) as product_name,
        max(lines.account_name) as account_name,
        sum(lines.amount_eur) as booked_amount_eur,
        sum(lines.amount_precision_eur) as booked_precision_eur,
        count(*) as posting_count,
        min(lines.line_number) as first_line,
        max(lines.line_number) as last_line,
        max(evidence_classes.evidence_class_rank) as evidence_rank,
        cast('{{ code_version() }}' as text) as code_version
    from lines
    left join evidence_classes
        on lines.evidence = evidence_classes.evidence_class
    group by
        lines.source,
        lines.delivery_id,
        lines.region_code,
        lines.reported_year,
        lines.booked_year,
        lines.fiscal_year,
        lines.product_code,
        lines.account_code,
        lines.target_group,
        lines.source_sha256

)

select * from final

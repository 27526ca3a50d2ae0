-- grain: one row per delivery, municipality, fiscal year, product, account and target group.
-- Incremental: a delivery never changes, so what was added up of it stays, as long as the code is the same.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='sync_all_columns',
        pre_hook="{% if is_incremental() %}{{ drop_totals_of_others(this) }}{% endif %}"
    )
}}
with

postings as (

    select * from {{ ref('stg_ledger__posting') }}
    {% if is_incremental() %}
    where delivery_id in ({{ deliveries_to_total('ledger') }})
    {% endif %}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

final as (

    select
        postings.delivery_id,
        postings.region_code as municipality_ags,
        postings.fiscal_year,
        postings.product_code,
        postings.account_code,
        postings.target_group,
        postings.source_sha256,
        max(postings.product_name) as product_name,
        max(postings.account_name) as account_name,
        sum(postings.amount_eur) as booked_amount_eur,
        count(*) as posting_count,
        max(evidence_classes.evidence_class_rank) as evidence_rank,
        cast('{{ var("code_version") }}' as text) as code_version
    from postings
    left join evidence_classes
        on postings.evidence = evidence_classes.evidence_class
    group by
        postings.delivery_id,
        postings.region_code,
        postings.fiscal_year,
        postings.product_code,
        postings.account_code,
        postings.target_group,
        postings.source_sha256

)

select * from final

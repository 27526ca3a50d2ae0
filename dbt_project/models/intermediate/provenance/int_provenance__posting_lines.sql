-- grain: one row per delivery, municipality, fiscal year, product, account and target group, as the cost components have it.
-- First line, last line and count of all; every single line only of few: millions of postings stay one row.
-- Incremental, as int_cost__delivery_total is.
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

    select * from {{ ref('int_cost__ledger_line') }}
    {% if is_incremental() %}
        where
            delivery_id in (
                {{ deliveries_to_total(['ledger', 'ledger_totals', 'ledger_plan'], 'int_provenance__posting_lines') }}
            )
    {% endif %}

),

spans as (

    select
        delivery_id,
        region_code,
        fiscal_year,
        product_code,
        account_code,
        target_group,
        source_sha256,
        min(line_number) as first_line,
        max(line_number) as last_line,
        count(*) as row_count
    from postings
    group by delivery_id, region_code, fiscal_year, product_code, account_code, target_group, source_sha256

),

numbered as (

    select
        postings.delivery_id,
        postings.region_code,
        postings.fiscal_year,
        postings.product_code,
        postings.account_code,
        postings.target_group,
        postings.source_sha256,
        postings.line_number,
        -- lines that follow each other have one and the same difference
        postings.line_number - row_number() over (
            partition by
                postings.delivery_id,
                postings.region_code,
                postings.fiscal_year,
                postings.product_code,
                postings.account_code,
                postings.target_group,
                postings.source_sha256
            order by postings.line_number
        ) as run
    from postings
    inner join spans
        using (delivery_id, region_code, fiscal_year, product_code, account_code, target_group, source_sha256)
    where spans.row_count <= {{ var('listed_lines') }}

),

runs as (

    select
        delivery_id,
        region_code,
        fiscal_year,
        product_code,
        account_code,
        target_group,
        source_sha256,
        min(line_number) as first_line,
        max(line_number) as last_line
    from numbered
    group by delivery_id, region_code, fiscal_year, product_code, account_code, target_group, source_sha256, run

),

listed as (

    select
        delivery_id,
        region_code,
        fiscal_year,
        product_code,
        account_code,
        target_group,
        source_sha256,
        string_agg({{ line_range('first_line', 'last_line') }}, ', ' order by first_line) as row_numbers
    from runs
    group by delivery_id, region_code, fiscal_year, product_code, account_code, target_group, source_sha256

),

final as (

    select
        spans.delivery_id,
        spans.region_code as municipality_ags,
        spans.fiscal_year,
        spans.product_code,
        spans.account_code,
        spans.target_group,
        spans.source_sha256,
        spans.first_line,
        spans.last_line,
        spans.row_count,
        case
            when spans.last_line - spans.first_line + 1 = spans.row_count
                then {{ line_range('spans.first_line', 'spans.last_line') }}
            else listed.row_numbers
        end as row_numbers,
        cast('{{ var("code_version") }}' as text) as code_version
    from spans
    left join listed
        using (delivery_id, region_code, fiscal_year, product_code, account_code, target_group, source_sha256)

)

select * from final

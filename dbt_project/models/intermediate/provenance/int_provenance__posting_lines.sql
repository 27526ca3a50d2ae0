-- grain: one row per total of a delivered ledger (int_cost__delivery_total), as the cost components have it.
-- First line, last line and count of all are the total's; lines are read again only where they are few and scattered.
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

totals as (

    select * from {{ ref('int_cost__delivery_total') }}
    {% if is_incremental() %}
        where delivery_id in ({{ deliveries_to_total(totals='int_provenance__posting_lines') }})
    {% endif %}

),

lines as (

    select * from {{ ref('int_cost__ledger_line') }}
    {% if is_incremental() %}
        where delivery_id in ({{ deliveries_to_total(totals='int_provenance__posting_lines') }})
    {% endif %}

),

scattered as (

    select * from totals
    where posting_count <= {{ var('listed_lines') }}
        and last_line - first_line + 1 > posting_count

),

numbered as (

    select
        lines.delivery_id,
        lines.region_code as municipality_ags,
        lines.booked_year,
        lines.fiscal_year,
        lines.product_code,
        lines.account_code,
        lines.target_group,
        lines.line_number,
        -- lines that follow each other have one and the same difference
        lines.line_number - row_number() over (
            partition by
                lines.delivery_id,
                lines.region_code,
                lines.booked_year,
                lines.fiscal_year,
                lines.product_code,
                lines.account_code,
                lines.target_group
            order by lines.line_number
        ) as run
    from lines
    inner join scattered
        on lines.delivery_id = scattered.delivery_id
            and lines.region_code = scattered.municipality_ags
            and lines.booked_year = scattered.booked_year
            and lines.fiscal_year = scattered.fiscal_year
            and lines.product_code = scattered.product_code
            and lines.account_code = scattered.account_code
            and lines.target_group = scattered.target_group

),

runs as (

    select
        delivery_id,
        municipality_ags,
        booked_year,
        fiscal_year,
        product_code,
        account_code,
        target_group,
        min(line_number) as first_line,
        max(line_number) as last_line
    from numbered
    group by delivery_id, municipality_ags, booked_year, fiscal_year, product_code, account_code, target_group, run

),

listed as (

    select
        delivery_id,
        municipality_ags,
        booked_year,
        fiscal_year,
        product_code,
        account_code,
        target_group,
        string_agg({{ line_range('first_line', 'last_line') }}, ', ' order by first_line) as row_numbers
    from runs
    group by delivery_id, municipality_ags, booked_year, fiscal_year, product_code, account_code, target_group

),

final as (

    select
        totals.source,
        totals.delivery_id,
        totals.municipality_ags,
        totals.booked_year,
        totals.fiscal_year,
        totals.product_code,
        totals.account_code,
        totals.target_group,
        totals.source_sha256,
        totals.first_line,
        totals.last_line,
        totals.posting_count as row_count,
        case
            when totals.last_line - totals.first_line + 1 = totals.posting_count
                then {{ line_range('totals.first_line', 'totals.last_line') }}
            else listed.row_numbers
        end as row_numbers,
        cast('{{ var("code_version") }}' as text) as code_version
    from totals
    left join listed
        using (delivery_id, municipality_ags, booked_year, fiscal_year, product_code, account_code, target_group)

)

select * from final

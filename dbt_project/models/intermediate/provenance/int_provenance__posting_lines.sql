-- grain: one row per total of a delivered ledger (int_cost__delivery_total), as the cost components have it.
-- First line, last line and count of all are the total's; lines are read again only where they are few and scattered.
-- Incremental, as int_cost__delivery_total is.
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

-- one number stands for the seven columns of a total wherever its lines are sorted
numbered_totals as (

    select
        totals.*,
        row_number() over (order by totals.delivery_id) as total_number,
        totals.last_line - totals.first_line + 1 = totals.posting_count as is_one_run
    from totals

),

scattered_lines as (

    select
        numbered_totals.total_number,
        lines.line_number,
        -- lines that follow each other have one and the same difference
        lines.line_number - row_number() over (
            partition by numbered_totals.total_number
            order by lines.line_number
        ) as run
    from lines
    inner join numbered_totals
        on lines.delivery_id = numbered_totals.delivery_id
            and lines.region_code = numbered_totals.municipality_ags
            and lines.booked_year = numbered_totals.booked_year
            and lines.fiscal_year = numbered_totals.fiscal_year
            and lines.product_code = numbered_totals.product_code
            and lines.account_code = numbered_totals.account_code
            and lines.target_group = numbered_totals.target_group
    where numbered_totals.posting_count <= {{ var('listed_lines') }}
        and not numbered_totals.is_one_run

),

runs as (

    select
        total_number,
        min(line_number) as first_line,
        max(line_number) as last_line
    from scattered_lines
    group by total_number, run

),

listed as (

    select
        total_number,
        string_agg({{ line_range('first_line', 'last_line') }}, ', ' order by first_line) as row_numbers
    from runs
    group by total_number

),

final as (

    select
        numbered_totals.source,
        numbered_totals.delivery_id,
        numbered_totals.municipality_ags,
        numbered_totals.booked_year,
        numbered_totals.fiscal_year,
        numbered_totals.product_code,
        numbered_totals.account_code,
        numbered_totals.target_group,
        numbered_totals.source_sha256,
        numbered_totals.first_line,
        numbered_totals.last_line,
        numbered_totals.posting_count as row_count,
        case
            when numbered_totals.is_one_run
                then {{ line_range('numbered_totals.first_line', 'numbered_totals.last_line') }}
            else listed.row_numbers
        end as row_numbers,
        cast('{{ code_version() }}' as text) as code_version
    from numbered_totals
    left join listed
        on numbered_totals.total_number = listed.total_number

)

select * from final

-- grain: one row per municipality, fiscal year, product, account, target group and delivery, as the cost components have it.
-- First line, last line and count of all; every single line only of few: millions of postings stay one row.
with

postings as (

    select * from {{ ref('stg_ledger__posting') }}

),

spans as (

    select
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
    group by region_code, fiscal_year, product_code, account_code, target_group, source_sha256

),

numbered as (

    select
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
        using (region_code, fiscal_year, product_code, account_code, target_group, source_sha256)
    where spans.row_count <= {{ var('listed_lines') }}

),

runs as (

    select
        region_code,
        fiscal_year,
        product_code,
        account_code,
        target_group,
        source_sha256,
        min(line_number) as first_line,
        max(line_number) as last_line
    from numbered
    group by region_code, fiscal_year, product_code, account_code, target_group, source_sha256, run

),

listed as (

    select
        region_code,
        fiscal_year,
        product_code,
        account_code,
        target_group,
        source_sha256,
        string_agg({{ line_range('first_line', 'last_line') }}, ', ' order by first_line) as row_numbers
    from runs
    group by region_code, fiscal_year, product_code, account_code, target_group, source_sha256

),

final as (

    select
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
        end as row_numbers
    from spans
    left join listed
        using (region_code, fiscal_year, product_code, account_code, target_group, source_sha256)

)

select * from final

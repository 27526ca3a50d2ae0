-- grain: one row per line and fiscal year of a delivered ledger of any dialect; planned amounts are none.
-- Which delivery counts for a year is not said here but in int_cost__ledger_choice: a line depends on its delivery alone.
{{ config(materialized='view') }}
with

postings as (

    select * from {{ ref('stg_ledger__posting') }}

),

totals as (

    select * from {{ ref('stg_ledger_totals__total') }}

),

positions as (

    select * from {{ ref('stg_ledger_plan__position') }}

),

local_products as (

    select * from {{ ref('ledger_product') }}

),

united as (

    -- the fiscal year of a posting is that of its books, whatever the day of posting
    select
        'ledger' as source,
        delivery_id,
        line_number,
        region_code,
        fiscal_year as reported_year,
        fiscal_year as booked_year,
        fiscal_year,
        product_code,
        product_name,
        account_code,
        account_name,
        target_group,
        amount_eur,
        0 as amount_precision_eur,
        evidence,
        source_sha256,
        source_file_name
    from postings

    union all

    -- totals tell no groups of persons: they are for everybody
    select
        'ledger_totals' as source,
        delivery_id,
        line_number,
        region_code,
        fiscal_year as reported_year,
        fiscal_year as booked_year,
        accrual_year as fiscal_year,
        product_code,
        product_name,
        account_code,
        account_name,
        'all' as target_group,
        amount_eur,
        0 as amount_precision_eur,
        evidence,
        source_sha256,
        source_file_name
    from totals

    union all

    select
        'ledger_plan' as source,
        delivery_id,
        line_number,
        region_code,
        budget_year as reported_year,
        fiscal_year as booked_year,
        fiscal_year,
        product_code,
        product_name,
        account_code,
        account_name,
        'all' as target_group,
        amount_eur,
        amount_precision_eur,
        evidence,
        source_sha256,
        source_file_name
    from positions
    where not is_planned

),

final as (

    select
        united.source,
        united.delivery_id,
        united.line_number,
        united.region_code,
        united.reported_year,
        united.booked_year,
        united.fiscal_year,
        united.product_code as delivered_product_code,
        coalesce(local_products.product_code, united.product_code) as product_code,
        united.product_name,
        united.account_code,
        united.account_name,
        united.target_group,
        united.amount_eur,
        united.amount_precision_eur,
        united.evidence,
        united.source_sha256,
        united.source_file_name
    from united
    left join local_products
        on united.region_code = local_products.municipality_ags
            and united.product_code = local_products.local_product_code

)

select * from final

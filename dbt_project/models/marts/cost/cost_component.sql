-- grain: one row per municipality, fiscal year, method, product, account, target group and treatment.
-- Every euro of the ledger: attributed and excluded rows together are its total.
with

components as (

    select * from {{ ref('int_cost__component') }}

),

final as (

    select
        municipality_ags,
        fiscal_year,
        method,
        product_code,
        account_code,
        target_group,
        treatment,
        exclusion_reason,
        cost_area,
        product_name,
        account_name,
        amount_eur,
        posting_count,
        cost_basis,
        bearer,
        evidence,
        source_sha256
    from components

)

select * from final

-- grain: one row per municipality, fiscal year, method, product, account, target group, treatment and delivery.
-- Every euro of the ledger: attributed, unattributed and excluded rows together are its total, to the cent.
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
        source_sha256,
        method_version,
        attribution_rule,
        attribution_rule_version,
        booked_amount_eur,
        share_numerator,
        share_denominator,
        share_reference_date,
        share_sha256,
        amount_precision_eur
    from components

)

select * from final

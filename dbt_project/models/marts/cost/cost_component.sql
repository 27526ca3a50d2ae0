-- grain: one row per municipality, fiscal year, method, product, account, target group, treatment and delivery.
-- Every euro of the ledger: attributed, unattributed and excluded rows together are its total, to the cent. Of a
-- confidential municipality and year there are the rows, and no amount.
with

components as (

    select * from {{ ref('int_cost__component') }}

),

confidential_groups as (

    select * from {{ ref('int_disclosure__cost_group') }}

),

marked as (

    select
        components.*,
        confidential_groups.municipality_ags is not null as is_confidential
    from components
    left join confidential_groups
        on components.municipality_ags = confidential_groups.municipality_ags
            and components.fiscal_year = confidential_groups.fiscal_year

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
        case when not is_confidential then amount_eur end as amount_eur,
        case when not is_confidential then posting_count end as posting_count,
        cost_basis,
        bearer,
        evidence,
        source_sha256,
        method_version,
        attribution_rule,
        attribution_rule_version,
        case when not is_confidential then booked_amount_eur end as booked_amount_eur,
        case when not is_confidential then share_numerator end as share_numerator,
        case when not is_confidential then share_denominator end as share_denominator,
        share_reference_date,
        share_sha256,
        case when not is_confidential then amount_precision_eur end as amount_precision_eur,
        case when is_confidential then 'confidential' end as amount_reason
    from marked

)

select * from final

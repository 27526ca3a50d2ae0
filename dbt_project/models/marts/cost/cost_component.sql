-- grain: one row per municipality, fiscal year, method, product, account, target group, treatment and delivery.
-- Every euro of the ledger: attributed, unattributed and excluded rows together are its total, to the cent.
with

components as (

    select * from {{ ref('int_cost__component') }}

),

rules as (

    select * from {{ ref('attribution_rule') }}

),

denominators as (

    select * from {{ ref('int_cost__denominator') }}

),

counted as (

    -- another count of the persons that the share counts, on the same day
    select
        components.*,
        case
            when not {{ is_small_cell('denominators.population_persons') }} then denominators.population_persons
        end as denominator_population_persons
    from components
    left join rules
        on components.attribution_rule = rules.attribution_rule
            and components.attribution_rule_version = rules.attribution_rule_version
    left join denominators
        on rules.quantity = 'population'
            and components.method = denominators.method
            and components.municipality_ags = denominators.region_code
            and components.share_reference_date = denominators.reference_date

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
        amount_precision_eur,
        denominator_population_persons,
        share_numerator - denominator_population_persons as share_difference_persons
    from counted

)

select * from final

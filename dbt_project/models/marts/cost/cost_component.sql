-- grain: one row per municipality, fiscal year, method, product, account, target group, treatment and delivery.
-- Every euro of the ledger: attributed, unattributed and excluded rows together are its total, to the cent. Of a
-- confidential municipality and year there are the rows, and no amount.
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

confidential_groups as (

    select * from {{ ref('int_disclosure__cost_group') }}

),

counted as (

    -- another count of the persons that the share counts, on the same day
    select
        components.*,
        denominators.population_persons as denominator_population_persons,
        -- whether it is the very same number as a register's count must not be told
        case
            when
                denominators.population_source = 'register'
                and {{ count_class('components.share_numerator') }} = denominators.population_persons
                then 0
            else components.share_numerator - denominators.population_persons
        end as share_difference_persons,
        confidential_groups.municipality_ags is not null as is_confidential
    from components
    left join rules
        on components.attribution_rule = rules.attribution_rule
            and components.attribution_rule_version = rules.attribution_rule_version
    left join denominators
        on rules.quantity = 'population'
            and components.method = denominators.method
            and components.municipality_ags = denominators.region_code
            and components.share_reference_date = denominators.reference_date
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
        case when not is_confidential then denominator_population_persons end as denominator_population_persons,
        case when not is_confidential then share_difference_persons end as share_difference_persons,
        case when is_confidential then 'confidential' end as amount_reason
    from counted

)

select * from final

-- grain: one row per method, municipality and fiscal year for which a ledger was delivered.
-- An edition is the method's version and a digest of all its rows that apply: where a row changes, it is another one.
with

components as (

    select * from {{ ref('int_cost__component') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

mappings as (

    select * from {{ cost_mappings() }}

),

account_rules as (

    select * from {{ ref('cost_account_rule') }}

),

place_bases as (

    select * from {{ ref('cost_method_place_basis') }}

),

rules as (

    select * from {{ ref('attribution_rule') }}

),

ledgers as (

    select distinct
        components.municipality_ags,
        components.fiscal_year
    from components

),

applied as (

    select
        ledgers.*,
        methods.method,
        methods.method_version
    from ledgers
    cross join methods

),

contents as (

    select
        applied.*,
        'method ' || cast(row(
            methods.numerator_rule,
            methods.denominator_rule,
            methods.target_group,
            methods.population_source,
            methods.regional_population_source,
            methods.extrapolation_population_source,
            methods.reference_date_rule,
            methods.rate_rounding_digits,
            methods.unmapped_limit_pct,
            methods.cost_basis,
            methods.price_basis
        ) as text) as content
    from applied
    inner join methods
        on applied.method = methods.method

    union all

    -- the years for which a row holds are no part of it: what counts is that it holds for this one
    select
        applied.*,
        'mapping ' || cast(row(
            mappings.product_code,
            mappings.account_code,
            mappings.cost_area,
            mappings.treatment,
            mappings.exclusion_reason,
            mappings.cost_basis,
            mappings.bearer,
            mappings.attribution_rule
        ) as text) as content
    from applied
    inner join mappings
        on applied.method = mappings.method
            and {{ mapping_applies('applied', 'mappings') }}

    union all

    select
        applied.*,
        'account ' || cast(row(account_rules.account_prefix, account_rules.exclusion_reason) as text) as content
    from applied
    inner join account_rules
        on applied.method = account_rules.method

    union all

    select
        applied.*,
        'place ' || cast(row(place_bases.place_basis, place_bases.preference) as text) as content
    from applied
    inner join place_bases
        on applied.method = place_bases.method

    union all

    select
        applied.*,
        'rule ' || cast(row(
            rules.attribution_rule,
            rules.attribution_rule_version,
            rules.kind,
            rules.quantity,
            rules.numerator_group,
            rules.denominator_group
        ) as text) as content
    from applied
    cross join rules

),

final as (

    select
        method,
        municipality_ags,
        fiscal_year,
        method_version || '-' || left(
            encode(sha256(convert_to(string_agg(content, e'\n' order by content collate "C"), 'UTF8')), 'hex'), 12
        ) as method_edition
    from contents
    group by method, municipality_ags, fiscal_year, method_version

)

select * from final

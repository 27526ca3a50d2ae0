-- grain: one row per total of a delivered ledger that counts (int_cost__delivery_total) and method.
-- What the method's mapping says of each.
with

delivery_totals as (

    select * from {{ ref('int_cost__delivery_total') }}

),

choices as (

    select * from {{ ref('int_cost__ledger_choice') }}

),

methods as (

    -- a method without a numerator of its own says nothing about postings
    select * from {{ ref('cost_method') }}
    where numerator_rule = 'attributed_postings'

),

mappings as (

    select * from {{ cost_mappings() }}

),

stated_bases as (

    -- what a municipality states of all its books at once
    select * from {{ ref('municipal_circumstance') }}
    where dimension = 'cost_basis'

),

account_rules as (

    select * from {{ ref('cost_account_rule') }}

),

totals as (

    select delivery_totals.*
    from delivery_totals
    inner join choices
        on delivery_totals.delivery_id = choices.delivery_id
            and delivery_totals.municipality_ags = choices.municipality_ags
            and delivery_totals.booked_year = choices.booked_year
            and delivery_totals.fiscal_year = choices.fiscal_year
            and choices.is_counted

),

account_reasons as (

    select
        account_rules.method,
        accounts.account_code,
        account_rules.exclusion_reason,
        row_number() over (
            partition by account_rules.method, accounts.account_code
            order by length(account_rules.account_prefix) desc
        ) as prefix_rank
    from (select distinct totals.account_code from totals) as accounts
    inner join account_rules
        on left(accounts.account_code, length(account_rules.account_prefix)) = account_rules.account_prefix

),

mapped as (

    select
        totals.*,
        methods.method,
        methods.method_version,
        mappings.cost_area,
        -- what is said of the row, else of all books of the municipality, else of the method
        coalesce(
            nullif(mappings.cost_basis, 'not_stated'), nullif(stated_bases.value, 'not_stated'), methods.cost_basis
        ) as cost_basis,
        coalesce(mappings.bearer, 'not_stated') as bearer,
        case
            when mappings.treatment <> 'attributed' then coalesce(mappings.exclusion_reason, 'excluded_by_method')
            -- also over a mapping that attributes: such an account, or what another level bears, is never its cost
            when account_reasons.exclusion_reason is not null then account_reasons.exclusion_reason
            when mappings.bearer <> 'municipality' then 'borne_by_other_level'
            when
                mappings.treatment = 'attributed'
                and totals.target_group not in (methods.target_group, 'all') then 'other_group'
        end as exclusion_reason,
        mappings.treatment is null as is_unmapped,
        case totals.target_group
            when methods.target_group then 'direct'
            else coalesce(mappings.attribution_rule, 'none')
        end as attribution_rule
    from totals
    cross join methods
    left join mappings
        on methods.method = mappings.method
            and totals.product_code = mappings.product_code
            and totals.account_code = mappings.account_code
            and {{ mapping_applies('totals', 'mappings') }}
    left join stated_bases
        on totals.municipality_ags = stated_bases.municipality_ags
            and totals.fiscal_year between stated_bases.valid_from_year and stated_bases.valid_to_year
    left join account_reasons
        on methods.method = account_reasons.method
            and totals.account_code = account_reasons.account_code
            and account_reasons.prefix_rank = 1

),

final as (

    select
        source,
        delivery_id,
        municipality_ags,
        reported_year,
        booked_year,
        fiscal_year,
        product_code,
        account_code,
        target_group,
        source_sha256,
        product_name,
        account_name,
        booked_amount_eur,
        booked_precision_eur,
        posting_count,
        first_line,
        last_line,
        evidence_rank,
        code_version,
        method,
        method_version,
        cost_area,
        cost_basis,
        bearer,
        exclusion_reason,
        is_unmapped,
        attribution_rule
    from mapped

)

select * from final

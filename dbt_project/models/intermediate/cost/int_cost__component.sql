-- grain: one row per municipality, fiscal year, method, product, account, target group, treatment and delivery.
-- Every cent of every posting is in the rows of a method once: attributed, unattributed or excluded.
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

rules as (

    select * from {{ ref('attribution_rule') }}

),

shares as (

    select * from {{ ref('int_cost__share') }}

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

ruled as (

    select
        mapped.*,
        rules.attribution_rule_version,
        rules.kind,
        shares.share_numerator,
        shares.share_denominator,
        shares.reference_date as share_reference_date,
        shares.evidence as share_evidence,
        shares.source_sha256 as share_sha256,
        case
            when mapped.exclusion_reason is not null then mapped.exclusion_reason
            when mapped.is_unmapped then 'unmapped'
            when rules.kind = 'direct' then null
            when rules.kind = 'share'
                then case when shares.method is null then 'share_input_missing' else shares.reason end
            else 'no_attribution_rule'
        end as reason
    from mapped
    left join rules
        on mapped.attribution_rule = rules.attribution_rule
            and mapped.exclusion_reason is null
            and not mapped.is_unmapped
    left join shares
        on mapped.method = shares.method
            and rules.attribution_rule = shares.attribution_rule
            and mapped.municipality_ags = shares.municipality_ags
            and mapped.fiscal_year = shares.fiscal_year

),

attributed as (

    select
        ruled.*,
        case
            when ruled.reason is not null then 0
            when ruled.kind = 'share'
                then {{ amount_by_share('ruled.booked_amount_eur', 'ruled.share_numerator', 'ruled.share_denominator') }}
            else ruled.booked_amount_eur
        end as attributed_amount_eur,
        case
            when ruled.reason is not null then 0
            when ruled.kind = 'share' then ruled.booked_precision_eur * ruled.share_numerator / ruled.share_denominator
            else ruled.booked_precision_eur
        end as attributed_precision_eur
    from ruled

),

parts as (

    select
        attributed.*,
        'attributed' as treatment,
        attributed_amount_eur as amount_eur,
        attributed_precision_eur as amount_precision_eur,
        cast(null as text) as part_reason
    from attributed
    where reason is null

    union all

    -- what an attribution leaves is a row of its own, so that nothing is lost to rounding
    select
        attributed.*,
        case when exclusion_reason is not null then 'excluded' else 'unattributed' end as treatment,
        booked_amount_eur - attributed_amount_eur as amount_eur,
        booked_precision_eur - attributed_precision_eur as amount_precision_eur,
        coalesce(reason, 'remainder_of_share') as part_reason
    from attributed
    where reason is not null or kind = 'share'

),

final as (

    select
        municipality_ags,
        fiscal_year,
        method,
        method_version,
        product_code,
        account_code,
        target_group,
        treatment,
        part_reason as exclusion_reason,
        cost_area,
        product_name,
        account_name,
        amount_eur,
        posting_count,
        cost_basis,
        bearer,
        {{ weakest_evidence([evidence_of_rank('evidence_rank'), 'share_evidence']) }} as evidence,
        source_sha256,
        attribution_rule_version,
        booked_amount_eur,
        case when attribution_rule_version is not null then attribution_rule end as attribution_rule,
        case when reason is null then share_numerator end as share_numerator,
        case when reason is null then share_denominator end as share_denominator,
        case when reason is null then share_reference_date end as share_reference_date,
        case when reason is null then share_sha256 end as share_sha256,
        round(coalesce(amount_precision_eur, 0), 2) as amount_precision_eur
    from parts

)

select * from final

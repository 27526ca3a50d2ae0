-- grain: one row per municipality, fiscal year, method, product, account, target group, treatment and delivery.
-- Every cent of every posting is in the rows of a method once: attributed, unattributed or excluded.
with

mapped as (

    select * from {{ ref('int_cost__mapped_total') }}

),

rules as (

    select * from {{ ref('attribution_rule') }}

),

shares as (

    select * from {{ ref('int_cost__share') }}

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
        {{ weakest_evidence([computed_evidence_of_rank('evidence_rank'), 'share_evidence']) }} as evidence,
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

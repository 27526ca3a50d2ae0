-- grain: one row per municipality, fiscal year, method, product, account, target group and treatment.
-- Every posting is in exactly one row a method: what the mapping does not know is excluded as `unmapped`.
with

postings as (

    select * from {{ ref('stg_ledger__posting') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

mappings as (

    select * from {{ ref('cost_mapping') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

aggregated as (

    -- before the mapping, so that millions of lines are read once and not once a method
    select
        postings.region_code as municipality_ags,
        postings.fiscal_year,
        postings.product_code,
        postings.account_code,
        postings.target_group,
        max(postings.product_name) as product_name,
        max(postings.account_name) as account_name,
        sum(postings.amount_eur) as amount_eur,
        count(*) as posting_count,
        max(evidence_classes.evidence_class_rank) as evidence_rank,
        string_agg(distinct postings.source_sha256, ' ' order by postings.source_sha256) as source_sha256
    from postings
    left join evidence_classes
        on postings.evidence = evidence_classes.evidence_class
    group by
        postings.region_code,
        postings.fiscal_year,
        postings.product_code,
        postings.account_code,
        postings.target_group

),

mapped as (

    select
        aggregated.*,
        methods.method,
        mappings.cost_area,
        coalesce(mappings.cost_basis, methods.cost_basis) as cost_basis,
        mappings.bearer,
        case
            when mappings.treatment is null then 'unmapped'
            when mappings.treatment <> 'attributed' then coalesce(mappings.exclusion_reason, 'excluded_by_method')
            when aggregated.target_group <> methods.target_group then 'other_group'
        end as exclusion_reason
    from aggregated
    cross join methods
    left join mappings
        on methods.method = mappings.method
            and aggregated.product_code = mappings.product_code
            and aggregated.account_code = mappings.account_code

),

final as (

    select
        municipality_ags,
        fiscal_year,
        method,
        product_code,
        account_code,
        target_group,
        case when exclusion_reason is null then 'attributed' else 'excluded' end as treatment,
        exclusion_reason,
        cost_area,
        product_name,
        account_name,
        amount_eur,
        posting_count,
        cost_basis,
        bearer,
        {{ evidence_of_rank('evidence_rank') }} as evidence,
        source_sha256
    from mapped

)

select * from final

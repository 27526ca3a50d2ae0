-- grain: one row per region, accrual year, costing method and level that pays (EU, Bund, Land, own; third_party in all).
-- Money is set against cost of the same year and basis only; what was not delivered is unknown, not zero.
with

rates as (

    select * from {{ ref('cost_per_person') }}

),

components as (

    select * from {{ ref('cost_component') }}

),

received as (

    select * from {{ ref('int_funding__received') }}

),

levels as (

    select unnest(array['EU', 'Bund', 'Land', 'own', 'third_party']) as funding_level

),

bases as (

    select
        municipality_ags,
        fiscal_year,
        method,
        {{ common_basis('cost_basis') }} as cost_basis
    from components
    where treatment = 'attributed'
    group by municipality_ags, fiscal_year, method

),

costs as (

    select
        rates.municipality_ags as region_code,
        rates.reference_year,
        rates.method,
        rates.total_cost_eur as cost_eur,
        coalesce(bases.cost_basis, 'not_stated') as cost_basis,
        rates.cost_evidence,
        rates.reason as cost_reason
    from rates
    left join bases
        on rates.municipality_ags = bases.municipality_ags
            and rates.reference_year = bases.fiscal_year
            and rates.method = bases.method

),

with_cost as (

    select
        costs.region_code,
        costs.reference_year,
        costs.method,
        levels.funding_level,
        costs.cost_eur,
        costs.cost_basis,
        costs.cost_evidence,
        costs.cost_reason,
        received.has_unknown,
        received.amount_eur,
        received.time_limited_eur,
        received.lasting_eur,
        received.received_basis,
        received.received_printed,
        received.evidence_rank
    from costs
    cross join levels
    left join received
        on costs.region_code = received.region_code
            and costs.reference_year = received.accrual_year
            and levels.funding_level = received.funding_level

    union all

    select
        received.region_code,
        received.accrual_year as reference_year,
        'none' as method,
        received.funding_level,
        null as cost_eur,
        null as cost_basis,
        null as cost_evidence,
        null as cost_reason,
        received.has_unknown,
        received.amount_eur,
        received.time_limited_eur,
        received.lasting_eur,
        received.received_basis,
        received.received_printed,
        received.evidence_rank
    from received
    left join costs
        on received.region_code = costs.region_code
            and received.accrual_year = costs.reference_year
    where costs.region_code is null

),

judged as (

    select
        *,
        case when has_unknown then null else amount_eur end as received_eur,
        case
            when reference_year is null then 'accrual_year_not_stated'
            when cost_reason in ('mapping_incomplete', 'confidential') then cost_reason
            when cost_eur is null then 'cost_not_delivered'
            when has_unknown is null then 'received_not_delivered'
            when has_unknown then 'amount_unknown'
            when cost_eur <= 0 then 'cost_not_positive'
            when 'not_stated' in (cost_basis, received_basis) then 'basis_not_stated'
            when 'mixed' in (cost_basis, received_basis) then 'basis_mixed'
            when cost_basis <> received_basis then 'basis_differs'
        end as reason
    from with_cost

),

final as (

    select
        region_code,
        coalesce(reference_year::text, 'not_stated') as accrual_year,
        method,
        funding_level,
        reference_year,
        cost_eur,
        cost_basis,
        received_eur,
        case when has_unknown then null else time_limited_eur end as received_time_limited_eur,
        case when has_unknown then null else lasting_eur end as received_lasting_eur,
        received_basis,
        received_printed,
        case when reason is null then round(100 * received_eur / cost_eur, 2) end as rate_pct,
        case when reason is null and funding_level = 'third_party' then cost_eur - received_eur end as gap_eur,
        reason,
        {{ weakest_evidence(['cost_evidence', evidence_of_rank('evidence_rank')]) }} as evidence,
        case
            when reason is null
                then {{ weakest_evidence(["'derived'", 'cost_evidence', evidence_of_rank('evidence_rank')]) }}
        end as rate_evidence
    from judged

)

select * from final

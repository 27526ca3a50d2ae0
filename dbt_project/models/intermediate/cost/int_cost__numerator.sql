-- grain: one row per municipality, year and method for which a ledger was delivered.
-- What the rate divides: the cost that is attributed, what is not mapped, and how precisely the total is known.
with

methods as (

    select * from {{ ref('cost_method') }}

),

components as (

    select * from {{ ref('int_cost__component') }}

),

control_totals as (

    select * from {{ ref('control_total') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

account_rules as (

    select * from {{ ref('cost_account_rule') }}

),

-- what is never counted whatever the mapping says needs none
reasons_without_mapping as (

    select distinct
        method,
        exclusion_reason
    from account_rules

),

ledgers as (

    select distinct
        municipality_ags,
        fiscal_year
    from components

),

numerators as (

    select
        components.municipality_ags,
        components.fiscal_year,
        components.method,
        sum(components.amount_eur) filter (where components.treatment = 'attributed') as total_cost_eur,
        sum(components.amount_eur) filter (where components.treatment = 'unattributed') as unattributed_cost_eur,
        sum(components.amount_eur) filter (where components.treatment = 'excluded') as excluded_cost_eur,
        coalesce(
            sum(components.amount_precision_eur) filter (where components.treatment = 'attributed'), 0
        ) as cost_rounding_eur,
        {{ common_basis('components.cost_basis', "components.treatment = 'attributed'") }} as cost_basis,
        -- without signs: revenue that nobody mapped does not make up for expense that nobody mapped
        coalesce(
            sum(abs(components.amount_eur)) filter (where components.exclusion_reason = 'unmapped'), 0
        ) as unmapped_cost_eur,
        coalesce(
            sum(abs(components.amount_eur)) filter (where reasons_without_mapping.method is null), 0
        ) as mappable_cost_eur,
        -- what could be cost of the group, of what is not mapped: at least, and at most
        coalesce(
            sum(least(components.amount_eur, 0)) filter (
                where components.exclusion_reason = 'unmapped'
                and components.target_group in (methods.target_group, 'all')
            ), 0
        ) as unmapped_low_eur,
        coalesce(
            sum(greatest(components.amount_eur, 0)) filter (
                where components.exclusion_reason = 'unmapped'
                and components.target_group in (methods.target_group, 'all')
            ), 0
        ) as unmapped_high_eur,
        max(evidence_classes.evidence_class_rank) filter (where components.treatment = 'attributed') as evidence_rank,
        max(evidence_classes.evidence_class_rank) as ledger_evidence_rank
    from components
    inner join methods
        on components.method = methods.method
    left join evidence_classes
        on components.evidence = evidence_classes.evidence_class
    left join reasons_without_mapping
        on components.method = reasons_without_mapping.method
            and components.treatment = 'excluded'
            and components.exclusion_reason = reasons_without_mapping.exclusion_reason
    group by components.municipality_ags, components.fiscal_year, components.method

    union all

    -- a method without a numerator of its own gets a row that says so, and no other method's cost
    select
        ledgers.municipality_ags,
        ledgers.fiscal_year,
        methods.method,
        null as total_cost_eur,
        null as unattributed_cost_eur,
        null as excluded_cost_eur,
        null as cost_rounding_eur,
        methods.cost_basis,
        null as unmapped_cost_eur,
        null as mappable_cost_eur,
        null as unmapped_low_eur,
        null as unmapped_high_eur,
        null as evidence_rank,
        null as ledger_evidence_rank
    from ledgers
    inner join methods
        on methods.numerator_rule = 'none'

),

numerators_with_evidence as (

    select
        numerators.municipality_ags,
        numerators.fiscal_year,
        numerators.method,
        numerators.total_cost_eur,
        numerators.unattributed_cost_eur,
        numerators.excluded_cost_eur,
        numerators.cost_basis,
        numerators.unmapped_cost_eur,
        numerators.mappable_cost_eur,
        numerators.unmapped_low_eur,
        numerators.unmapped_high_eur,
        methods.unmapped_limit_pct,
        {{ percentage('numerators.unmapped_cost_eur', 'numerators.mappable_cost_eur') }} as unmapped_pct,
        methods.numerator_rule,
        {{ computed_evidence_of_rank('numerators.evidence_rank') }} as rows_evidence,
        {{ computed_evidence_of_rank('numerators.ledger_evidence_rank') }} as ledger_evidence,
        control_totals.value as control_value,
        control_totals.evidence as control_evidence,
        case
            when numerators.total_cost_eur = control_totals.value then control_totals.precision_half_width
            else numerators.cost_rounding_eur
        end as cost_precision_eur,
        {{ reference_date('methods.reference_date_rule', 'numerators.fiscal_year') }} as reference_date
    from numerators
    inner join methods
        on numerators.method = methods.method
    left join control_totals
        on control_totals.source = 'ledger'
            and control_totals.measure = 'attributed_total_eur'
            and numerators.municipality_ags = control_totals.region_code
            and numerators.fiscal_year = control_totals.reference_year

),

final as (

    select
        municipality_ags,
        fiscal_year,
        method,
        total_cost_eur,
        unattributed_cost_eur,
        excluded_cost_eur,
        cost_basis,
        unmapped_cost_eur,
        mappable_cost_eur,
        unmapped_low_eur,
        unmapped_high_eur,
        unmapped_limit_pct,
        unmapped_pct,
        numerator_rule,
        rows_evidence,
        ledger_evidence,
        control_value,
        control_evidence,
        cost_precision_eur,
        reference_date
    from numerators_with_evidence

)

select * from final

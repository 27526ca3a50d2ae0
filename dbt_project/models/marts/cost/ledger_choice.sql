-- grain: one row per delivered ledger, municipality, year of the books and year that its lines are for.
-- Which ledger counts for a year, and why each other one does not. Amounts are those of the whole ledger, as delivered.
with

choices as (

    select * from {{ ref('int_cost__ledger_choice') }}

),

deliveries as (

    select * from {{ ref('int_provenance__delivery') }}

),

confidential_groups as (

    select * from {{ ref('int_disclosure__cost_group') }}

),

final as (

    select
        choices.municipality_ags,
        choices.fiscal_year,
        choices.booked_year,
        choices.reported_year,
        choices.source,
        case choices.source
            when 'ledger' then 'journal'
            when 'ledger_totals' then 'totals'
            when 'ledger_plan' then 'budget'
        end as dialect,
        choices.is_counted,
        choices.reason,
        -- the whole of a ledger would give a confidential part of it away, and so would another of the same year
        cast(case when confidential_groups.municipality_ags is null then choices.amount_eur end as numeric(18, 2))
            as amount_eur,
        case when confidential_groups.municipality_ags is null then cast(choices.line_count as bigint) end as line_count,
        {{ computed_evidence_of_rank('choices.evidence_rank') }} as evidence,
        deliveries.file_name as source_file_name,
        choices.source_sha256,
        case when confidential_groups.municipality_ags is not null then 'confidential' end as amount_reason
    from choices
    left join deliveries
        on choices.delivery_id = deliveries.delivery_id
    left join confidential_groups
        on choices.municipality_ags = confidential_groups.municipality_ags
            and choices.fiscal_year = confidential_groups.fiscal_year

)

select * from final

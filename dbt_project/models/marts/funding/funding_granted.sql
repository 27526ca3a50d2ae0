-- grain: one row per delivered list of grants, funder, state and year in which its operations begin, or all years.
-- Beneficiaries may be natural persons. The lists are public, a person's name in them only for a time (Reg. (EU)
-- 2021/1060 Art. 49): what is shown here must not lead back to one later. So names, titles and places never come here,
-- and which cells are shown is decided before, also in view of earlier publications.
with

grants as (

    select * from {{ ref('int_funding__grant') }}

),

cells as (

    select * from {{ ref('int_disclosure__grant_cell') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

deliveries as (

    select * from {{ ref('int_provenance__delivery') }}

),

shown as (

    select
        grants.*,
        coalesce(cells.is_shown, false) as is_shown,
        case when cells.is_shown then grants.total_cost_eur end as shown_cost_eur,
        case when cells.is_shown then grants.granted_eur end as shown_granted_eur,
        -- of a hidden cell no more is said than of its whole list
        case
            when cells.is_shown then grants.evidence_rank
            else max(grants.evidence_rank) over (partition by grants.delivery_id)
        end as shown_evidence_rank
    from grants
    left join cells
        on grants.delivery_id = cells.delivery_id
            and grants.funder = cells.funder
            and grants.region_code = cells.region_code
            and grants.begin_year = cells.begin_year

),

final as (

    select
        shown.source,
        shown.programme,
        deliveries.period,
        shown.funding_level,
        shown.funder,
        shown.region_code,
        coalesce(regions.region_name, shown.region_code) as region_name,
        shown.begin_year,
        case when shown.is_shown then shown.operations end as operations,
        cast(shown.shown_cost_eur as numeric(18, 2)) as total_cost_eur,
        cast(shown.shown_granted_eur as numeric(18, 2)) as granted_eur,
        cast(round({{ percentage('shown.shown_granted_eur', 'shown.shown_cost_eur') }}, 2) as numeric(5, 2)) as granted_pct,
        case
            when not shown.is_shown then 'confidential'
            when shown.granted_eur is null then 'rate_not_listed'
        end as reason,
        {{ evidence_of_rank('shown.shown_evidence_rank') }} as evidence,
        {{ evidence_of_rank('shown.shown_evidence_rank') }} = 'synthetic' as is_synthetic,
        deliveries.file_name as source_file_name,
        shown.source_sha256,
        case
            when shown.is_shown
                then {{ weakest_evidence(["'derived'", evidence_of_rank('shown.shown_evidence_rank')]) }}
        end as computed_evidence
    from shown
    left join deliveries
        on shown.source = deliveries.source
            and shown.source_sha256 = deliveries.sha256
    left join regions
        on shown.region_code = regions.region_code

)

select * from final

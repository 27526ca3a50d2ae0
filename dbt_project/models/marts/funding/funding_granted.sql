-- grain: one row per delivered list of grants, funder, state and year in which its operations begin, or all years.
-- Beneficiaries may be natural persons. The lists are public, a person's name in them only for a time (Reg. (EU)
-- 2021/1060 Art. 49): what is shown here must not lead back to one later. So names, titles and places never come here,
-- fewer than three operations are not shown, and where the years would tell them from the sum, the smallest other year
-- is not shown either.
with

grants as (

    select * from {{ ref('int_funding__grant') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

deliveries as (

    select * from {{ ref('int_provenance__delivery') }}

),

ranked as (

    select
        grants.*,
        grants.operations < {{ var('minimum_cell_persons') }} as is_small,
        sum(case when grants.operations < {{ var('minimum_cell_persons') }} then grants.operations else 0 end)
            over siblings as small_operations,
        row_number() over (
            partition by
                grants.source_sha256,
                grants.funder,
                grants.region_code,
                grants.begin_year = 'all',
                grants.operations < {{ var('minimum_cell_persons') }}
            order by grants.operations, grants.begin_year
        ) as size_rank
    from grants
    window siblings as (
        partition by grants.source_sha256, grants.funder, grants.region_code, grants.begin_year = 'all'
    )

),

masked as (

    select
        ranked.*,
        is_small
        or (
            begin_year <> 'all'
            and size_rank = 1
            and small_operations between 1 and {{ var('minimum_cell_persons') }} - 1
        ) as is_masked
    from ranked

),

shown as (

    select
        masked.*,
        case when not is_masked then total_cost_eur end as shown_cost_eur,
        case when not is_masked then granted_eur end as shown_granted_eur
    from masked

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
        case when not shown.is_masked then shown.operations end as operations,
        cast(shown.shown_cost_eur as numeric(18, 2)) as total_cost_eur,
        cast(shown.shown_granted_eur as numeric(18, 2)) as granted_eur,
        cast(round({{ percentage('shown.shown_granted_eur', 'shown.shown_cost_eur') }}, 2) as numeric(5, 2)) as granted_pct,
        case
            when shown.is_masked then 'too_few_operations'
            when shown.granted_eur is null then 'rate_not_listed'
        end as reason,
        {{ evidence_of_rank('shown.evidence_rank') }} as evidence,
        {{ evidence_of_rank('shown.evidence_rank') }} = 'synthetic' as is_synthetic,
        deliveries.file_name as source_file_name,
        shown.source_sha256
    from shown
    left join deliveries
        on shown.source = deliveries.source
            and shown.source_sha256 = deliveries.sha256
    left join regions
        on shown.region_code = regions.region_code

)

select * from final

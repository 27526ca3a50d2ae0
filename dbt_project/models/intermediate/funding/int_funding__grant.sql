-- grain: one row per delivered list of grants, funder, state and year in which its operations begin, or all years.
-- Not masked. Amounts are for an operation's whole term and count in the year in which it begins: nothing is spread.
with

esf_operations as (

    select * from {{ ref('stg_esf__operation') }}

),

federal_projects as (

    select * from {{ ref('stg_foerderkatalog__project') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

united as (

    select
        source,
        source_sha256,
        line_number,
        'Europäischer Sozialfonds' as programme,
        'EU' as funding_level,
        'EU' as funder,
        region_code,
        starts_on,
        total_cost_eur,
        union_share_eur as granted_eur,
        evidence
    from esf_operations

    union all

    -- the catalogue states what the federation pays, and not what a project costs
    select
        'foerderkatalog' as source,
        source_sha256,
        line_number,
        'Förderkatalog des Bundes' as programme,
        'Bund' as funding_level,
        ministry as funder,
        left(recipient_ags, 2) as region_code,
        starts_on,
        cast(null as numeric) as total_cost_eur,
        federal_amount_eur as granted_eur,
        evidence
    from federal_projects

),

placed as (

    select
        united.*,
        coalesce(united.funder, 'not_stated') as known_funder,
        coalesce(united.region_code, 'not_stated') as known_region,
        coalesce(cast(extract(year from united.starts_on) as text), 'not_stated') as begin_year,
        evidence_classes.evidence_class_rank
    from united
    left join evidence_classes
        on united.evidence = evidence_classes.evidence_class

),

final as (

    select
        source,
        source_sha256,
        programme,
        funding_level,
        known_funder as funder,
        known_region as region_code,
        case grouping(begin_year) when 0 then begin_year else 'all' end as begin_year,
        count(*) as operations,
        sum(total_cost_eur) as total_cost_eur,
        -- a sum without what one of its operations gets is no sum
        case when count(granted_eur) = count(*) then sum(granted_eur) end as granted_eur,
        max(evidence_class_rank) as evidence_rank,
        min(line_number) as first_line,
        max(line_number) as last_line,
        case
            when count(*) <= {{ var('listed_lines') }}
                then string_agg(cast(line_number as text), ', ' order by line_number)
        end as row_numbers
    from placed
    group by
        grouping sets (
            (source, source_sha256, programme, funding_level, known_funder, known_region, begin_year),
            (source, source_sha256, programme, funding_level, known_funder, known_region)
        )

)

select * from final

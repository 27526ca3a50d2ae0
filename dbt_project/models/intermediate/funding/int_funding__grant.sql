-- grain: one row per delivered list of grants, funder, state and year in which its operations begin, or all years.
-- Not masked. Amounts are for an operation's whole term and count in the year in which it begins: nothing is spread.
with

esf_operations as (

    select * from {{ ref('stg_esf__operation') }}

),

federal_projects as (

    select * from {{ ref('stg_foerderkatalog__project') }}

),

{{ placed_grants('esf_operations', 'federal_projects') }},

final as (

    select
        source,
        delivery_id,
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
            (source, delivery_id, source_sha256, programme, funding_level, known_funder, known_region, begin_year),
            (source, delivery_id, source_sha256, programme, funding_level, known_funder, known_region)
        )

)

select * from final

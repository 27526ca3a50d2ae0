-- grain: one row per measure whose funding ends, and statement on what may take it over.
-- A statement that had expired when the funding ended is left out; a later one counts.
with

measures as (

    select * from {{ ref('stg_programme_measure__measure') }}

),

eligibilities as (

    select * from {{ ref('programme_eligibility') }}

),

joined as (

    select
        measures.*,
        coalesce(eligibilities.receiving_programme_id, 'not_stated') as receiving_programme_id,
        eligibilities.receiving_programme,
        coalesce(eligibilities.module_number, 0) as module_number,
        eligibilities.module_reading,
        coalesce(eligibilities.is_scenario, false) as is_scenario,
        coalesce(eligibilities.can_take, 'not_stated') as can_take,
        coalesce(eligibilities.stated_by, 'nobody') as stated_by,
        eligibilities.valid_from as stated_from,
        eligibilities.source_document as eligibility_document,
        eligibilities.passage as eligibility_passage
    from measures
    left join eligibilities
        on measures.programme_id = eligibilities.programme_id
            and (
                eligibilities.valid_to is null
                or eligibilities.valid_to >= coalesce(measures.ends_on, make_date(measures.last_year, 12, 31))
            )

),

final as (

    select
        measure_id,
        measure,
        field_of_action,
        programme_id,
        programme,
        funding_level,
        region_code,
        first_year,
        last_year,
        ends_on,
        end_status,
        receiving_programme_id,
        receiving_programme,
        module_number,
        module_reading,
        is_scenario,
        can_take,
        stated_by,
        stated_from,
        eligibility_document,
        eligibility_passage,
        case
            when bool_or(can_take = 'yes' and not is_scenario) over by_measure then true
            when bool_or(can_take = 'no' and not is_scenario) over by_measure then false
        end as is_covered,
        case
            when bool_or(can_take = 'yes' and is_scenario) over by_measure then true
            when bool_or(can_take = 'no' and is_scenario) over by_measure then false
        end as is_covered_in_scenario,
        case
            when last_year is null then 'end_not_stated'
            when receiving_programme_id = 'not_stated' then 'nobody_says_what_may_take_it'
        end as reason,
        source_document,
        passage,
        remark,
        evidence
    from joined
    window by_measure as (partition by measure_id)

)

select * from final

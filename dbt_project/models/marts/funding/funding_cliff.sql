-- grain: one row per measure whose funding ends, and statement on what may take it over.
-- A statement that had expired when the funding ended is left out; a later one counts.
with

measures as (

    select * from {{ ref('stg_programme_measure__measure') }}

),

eligibilities as (

    select * from {{ ref('programme_eligibility') }}

),

funding_years as (

    select * from {{ ref('programme_funding_year') }}

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

-- what each author says in all of each receiving programme; none is that no programme takes it
stances as (

    select
        measure_id,
        receiving_programme_id,
        stated_by,
        bool_or(can_take = 'yes') as says_yes,
        bool_or(can_take in ('yes', 'announced')) as says_it_goes_on,
        bool_or(can_take = 'no') as says_no
    from joined
    where not is_scenario
    group by measure_id, receiving_programme_id, stated_by

),

-- an author is contradicted by another one who says no of the same programme, or of all
contested as (

    select
        stances.measure_id,
        stances.receiving_programme_id,
        stances.stated_by,
        stances.says_yes,
        stances.says_it_goes_on,
        stances.says_no,
        count(others.stated_by) > 0 as is_contested
    from stances
    left join stances as others
        on stances.measure_id = others.measure_id
            and stances.stated_by <> others.stated_by
            and others.receiving_programme_id in (stances.receiving_programme_id, 'none')
            and others.says_no
            and not others.says_it_goes_on
    group by
        stances.measure_id,
        stances.receiving_programme_id,
        stances.stated_by,
        stances.says_yes,
        stances.says_it_goes_on,
        stances.says_no

),

coverages as (

    select
        measure_id,
        case
            when bool_or(says_yes and not is_contested) then 'covered'
            when bool_or(says_it_goes_on and is_contested) then 'contested'
            when bool_or(says_it_goes_on) then 'announced'
            when bool_or(says_no) then 'open'
            else 'not_stated'
        end as coverage
    from contested
    group by measure_id

),

covered as (

    select
        joined.*,
        coalesce(coverages.coverage, 'not_stated') as coverage,
        funding_years.amount_eur as programme_amount_eur,
        funding_years.amount_printed as programme_amount_printed
    from joined
    left join coverages
        on joined.measure_id = coverages.measure_id
    left join funding_years
        on joined.programme_id = funding_years.programme_id
            and joined.last_year = funding_years.reference_year
            and funding_years.amount_per = 'year'

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
        -- what is contested or only announced is neither
        case coverage
            when 'covered' then true
            when 'open' then false
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
        evidence,
        coverage,
        programme_amount_eur,
        programme_amount_printed
    from covered
    window by_measure as (partition by measure_id)

)

select * from final

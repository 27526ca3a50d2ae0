-- grain: one row per programme with a stated beginning and end, and year between them.
-- A year for which no amount is stated has none: nothing is interpolated, cast back or spread, and an amount over years,
-- or that may be one, is no amount of a year.
with

periods as (

    select * from {{ ref('programme_period') }}

),

programmes as (

    select * from {{ ref('stg_funding__programme') }}

),

amounts as (

    select
        periods.programme_id,
        periods.programme,
        periods.first_year,
        periods.last_year,
        periods.amount_first_year,
        periods.amount_last_year,
        periods.reading,
        coalesce(programmes.part_of, periods.part_of) as part_of,
        programmes.figure_id,
        programmes.funding_level,
        programmes.region_code,
        programmes.amount_printed,
        programmes.amount_eur,
        programmes.amount_qualifier,
        programmes.amount_per,
        programmes.source_document,
        programmes.evidence
    from periods
    inner join programmes
        on periods.figure_id = programmes.figure_id

),

years as (

    select
        amounts.programme_id,
        max(amounts.programme) as programme,
        max(amounts.funding_level) as funding_level,
        max(amounts.region_code) as region_code,
        generate_series(min(amounts.first_year), max(amounts.last_year)) as reference_year
    from amounts
    group by amounts.programme_id

),

stated as (

    select
        years.programme_id,
        years.reference_year,
        years.programme,
        years.funding_level,
        years.region_code,
        amounts.figure_id,
        amounts.amount_printed,
        amounts.amount_eur,
        amounts.amount_qualifier,
        amounts.amount_per,
        amounts.reading,
        amounts.source_document,
        amounts.evidence,
        amounts.part_of
    from years
    left join amounts
        on years.programme_id = amounts.programme_id
            and years.reference_year between amounts.amount_first_year and amounts.amount_last_year
            -- whatever years are named for it
            and (amounts.amount_per <> 'total' or amounts.first_year = amounts.last_year)

),

final as (

    select
        stated.programme_id,
        stated.reference_year,
        stated.programme,
        stated.funding_level,
        stated.region_code,
        stated.figure_id,
        stated.amount_printed,
        stated.amount_eur,
        stated.amount_qualifier,
        stated.amount_per,
        stated.reading,
        case when stated.amount_eur is null then 'no_amount_stated_for_the_year' end as reason,
        stated.source_document,
        stated.evidence,
        stated.part_of,
        coalesce(stated.amount_per = 'year' and wholes.amount_eur is null, false) as is_addable
    from stated
    left join stated as wholes
        on stated.part_of = wholes.figure_id
            and stated.reference_year = wholes.reference_year

)

select * from final

-- grain: one row per delivered ledger and fiscal year that its lines are for.
-- Of several ledgers of a municipality and year one counts: journal before totals before budget, the later budget first.
with

totals as (

    select * from {{ ref('int_cost__delivery_total') }}

),

contents as (

    select
        source,
        delivery_id,
        source_sha256,
        municipality_ags,
        reported_year,
        booked_year,
        fiscal_year,
        sum(booked_amount_eur) as amount_eur,
        sum(posting_count) as line_count,
        min(first_line) as first_line,
        max(last_line) as last_line,
        max(evidence_rank) as evidence_rank
    from totals
    group by source, delivery_id, source_sha256, municipality_ags, reported_year, booked_year, fiscal_year

),

books as (

    select distinct
        source,
        delivery_id,
        municipality_ags,
        reported_year,
        booked_year
    from contents

),

ranked_books as (

    select
        source,
        delivery_id,
        municipality_ags,
        booked_year,
        row_number() over by_precedence as precedence,
        first_value(source) over by_precedence as counted_source
    from books
    window by_precedence as (
        partition by municipality_ags, booked_year
        order by
            {{ ledger_precedence('source') }},
            reported_year desc,
            delivery_id desc
    )

),

reasoned as (

    select
        contents.*,
        case
            when own.precedence > 1
                then case own.counted_source
                        when 'ledger' then 'journal_counts'
                        when 'ledger_totals' then 'totals_count'
                        when 'ledger_plan' then 'later_budget_counts'
                    end
            -- an amount for another year joins that year's books, unless there are none, or none that it can be apart from
            when contents.fiscal_year <> contents.booked_year and target.source is null then 'year_not_delivered'
            when contents.fiscal_year <> contents.booked_year and target.source = 'ledger_plan'
                then 'result_may_contain_it'
        end as reason
    from contents
    inner join ranked_books as own
        on contents.delivery_id = own.delivery_id
            and contents.municipality_ags = own.municipality_ags
            and contents.booked_year = own.booked_year
    left join ranked_books as target
        on contents.municipality_ags = target.municipality_ags
            and contents.fiscal_year = target.booked_year
            and target.precedence = 1

),

final as (

    select
        source,
        delivery_id,
        source_sha256,
        municipality_ags,
        reported_year,
        booked_year,
        fiscal_year,
        amount_eur,
        line_count,
        first_line,
        last_line,
        evidence_rank,
        reason is null as is_counted,
        reason
    from reasoned

)

select * from final

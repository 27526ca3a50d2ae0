"""What must hold of the marts of cost."""

from expectations.marts.rules import (
    CENT,
    OWNER,
    captions_rule,
    confidential_rule,
    denominator_rule,
    evidence_rule,
    no_small_cell,
    register_is_rounded,
    year_on_year,
)
from expectations.suite import HOLD, WARN, Build, Expectation, no_row


def cost_per_person(build: Build) -> list[Expectation]:
    return [
        *_cost_figure("cost_per_person", "cost_per_person_eur", "municipality_ags"),
        no_row(
            "cost_per_person.gap_has_reason",
            """
            select municipality_ags || ' ' || reference_year as observed
            from batch
            where cost_per_person_eur is null and btrim(coalesce(reason, '')) = ''
            order by 1
            """,
            why="A missing figure without its reason reads as no cost, or as something to hide.",
            expected="a reason wherever there is no figure",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "cost_per_person.interval_holds_the_figure",
            """
            select municipality_ags || ' ' || reference_year as observed
            from batch
            where cost_per_person_eur is not null and (
                cost_per_person_low_eur is null or cost_per_person_low_eur > round(cost_per_person_eur, 2)
                or cost_per_person_high_eur < round(cost_per_person_eur, 2)
            )
            order by 1
            """,
            why="The figure is computed from inputs within their precision: outside of its own interval one is wrong.",
            expected="low <= figure <= high, to the cent",
            severity=HOLD,
            owner=OWNER,
        ),
        # No hold: the other places' figures are as good as they were, and this one says why there is none.
        no_row(
            "cost_per_person.mapping_complete",
            """
            select municipality_ags || ' ' || reference_year || ' (' || method || '): ' || unmapped_cost_eur
                || ' EUR or ' || round(unmapped_pct, 2) || ' % of the ledger are not mapped'
                || case when reason = 'mapping_incomplete' then ', no figure' else '' end
                || '; lagebild figure unmapped --place ' || municipality_ags as observed
            from batch
            where unmapped_cost_eur > 0
            order by 1
            """,
            why="What nobody mapped may be cost of the group: it is in no figure, and above a limit there is none.",
            expected="every EUR of the ledger mapped; above the limit of the method (seed cost_method) no figure",
            severity=WARN,
            owner=OWNER,
        ),
        year_on_year(
            "cost_per_person",
            "cost_per_person_eur",
            ("municipality_ags", "method"),
            "reference_year",
            "not between 0.5 * previous and 2.0 * previous",
            why="Cost and persons move by some per cent a year: half or twice is another way of booking or counting.",
            expected="between half and twice the year before, same place and method",
        ),
        register_is_rounded(
            "cost_per_person",
            {"population_persons": "population_evidence"},
            "municipality_ags || ' ' || reference_year",
            "population_source = 'register'",
        ),
        no_small_cell(
            "cost_per_person",
            ("employees_persons",),
            "municipality_ags || ' ' || reference_year",
            "employees_evidence is distinct from 'published'",
        ),
        confidential_rule(
            "cost_per_person",
            (
                "total_cost_eur", "population_persons", "employees_persons", "denominator_persons",
                "cost_per_person_eur", "cost_per_person_rounded_eur", "cost_per_person_low_eur",
                "cost_per_person_high_eur", "unattributed_cost_eur", "excluded_cost_eur", "unmapped_cost_eur",
                "unmapped_pct", "rate_step_eur",
            ),
            "municipality_ags || ' ' || reference_year",
        ),
    ]  # fmt: skip


def cost_extrapolation(build: Build) -> list[Expectation]:
    return [
        *_cost_figure("cost_extrapolation", "extrapolated_cost_unrounded_rate_eur", "region_code"),
        no_row(
            "cost_extrapolation.other_year_by_price_basis",
            """
            select region_code || ' ' || persons_year as observed
            from batch
            where extrapolated_cost_unrounded_rate_eur is not null
                and persons_year <> reference_year and btrim(coalesce(price_basis, '')) = ''
            order by 1
            """,
            why="A rate in the prices of one year times the persons of another is a sum in nobody's prices.",
            expected="a price basis wherever rate and persons are of different years",
            severity=HOLD,
            owner=OWNER,
        ),
        register_is_rounded(
            "cost_extrapolation",
            {"population_persons": "population_evidence"},
            "municipality_ags || ' ' || region_code || ' ' || persons_year",
            "population_source = 'register'",
        ),
        confidential_rule(
            "cost_extrapolation",
            (
                "extrapolated_cost_rounded_rate_eur", "extrapolated_cost_unrounded_rate_eur",
                "extrapolated_cost_low_eur", "extrapolated_cost_high_eur", "presentation_de",
            ),
            "municipality_ags || ' ' || region_code || ' ' || persons_year",
        ),
    ]  # fmt: skip


def cost_bridge(build: Build) -> list[Expectation]:
    return [
        no_row(
            "cost_bridge.parts_sum_to_the_difference",
            """
            select municipality_ags || ' ' || measure || ' ' || from_year || ' to ' || to_year
                || ': parts ' || sum(part_eur) || ', difference ' || max(difference_eur) as observed
            from batch
            group by municipality_ags, measure, region_code, from_method, from_year, to_method, to_year
            having sum(part_eur) <> max(difference_eur) or max(difference_eur) <> max(to_eur) - max(from_eur)
            order by 1
            """,
            why="A bridge that does not reach the other side hides a cause, or tells one that is none.",
            expected="parts that sum to the difference, to the cent",
            severity=HOLD,
            owner=OWNER,
        ),
        evidence_rule("cost_bridge", "part_eur", "municipality_ags || ' ' || part"),
        captions_rule("cost_bridge", "part_eur", "municipality_ags || ' ' || part"),
    ]


def cost_comparability(build: Build) -> list[Expectation]:
    return [
        no_row(
            "cost_comparability.not_knowing_is_a_reason",
            """
            select left_municipality_ags || ' ' || right_municipality_ags || ' ' || dimension as observed
            from batch
            where btrim(coalesce(reason, '')) = '' and (left_value is null or right_value is null)
            order by 1
            """,
            why="Two figures compare only as far as their circumstances are known: silence is not sameness.",
            expected="a reason wherever a circumstance is unknown",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def ledger_choice(build: Build) -> list[Expectation]:
    return [
        evidence_rule("ledger_choice", "amount_eur", "municipality_ags || ' ' || fiscal_year || ' ' || source"),
        no_row(
            "ledger_choice.left_aside_has_reason",
            """
            select municipality_ags || ' ' || fiscal_year || ' ' || source as observed
            from batch
            where is_counted = (btrim(coalesce(reason, '')) <> '')
            order by 1
            """,
            why="Money that a city booked and that no figure holds must say why, or it looks lost.",
            expected="a reason for each ledger that does not count, and none for those that do",
            severity=HOLD,
            owner=OWNER,
        ),
        confidential_rule(
            "ledger_choice",
            ("amount_eur", "line_count"),
            "municipality_ags || ' ' || fiscal_year || ' ' || source",
            "amount_reason",
        ),
    ]


def lump_sum_simulation(build: Build) -> list[Expectation]:
    return [
        no_row(
            "lump_sum_simulation.assumption_is_said",
            """
            select lump_sum as observed
            from batch
            where not is_scenario or btrim(coalesce(caption_de, '')) = '' or btrim(coalesce(caption_en, '')) = ''
            order by 1
            """,
            why="A lump sum that nobody pays must be read as a scenario, or it is taken for money received.",
            expected="a scenario with its caption (de, en) in every row",
            severity=HOLD,
            owner=OWNER,
        ),
        evidence_rule("lump_sum_simulation", "lump_sum_eur", "municipality_ags || ' ' || lump_sum"),
        denominator_rule("lump_sum_simulation", "covered_pct", "total_cost_eur", "municipality_ags || ' ' || lump_sum"),
        register_is_rounded(
            "lump_sum_simulation",
            {"population_persons": "population_evidence"},
            "municipality_ags || ' ' || lump_sum",
            "population_source = 'register'",
        ),
        confidential_rule(
            "lump_sum_simulation",
            ("population_persons", "lump_sum_eur", "total_cost_eur", "covered_pct"),
            "municipality_ags || ' ' || lump_sum",
        ),
    ]


def sensitivity_cost_per_person(build: Build) -> list[Expectation]:
    return [
        no_row(
            "sensitivity_cost_per_person.named_as_such",
            """
            select sensitivity as observed
            from batch
            where sensitivity !~ '^sensitivity_' or btrim(coalesce(caption_de, '')) = ''
                or btrim(coalesce(caption_en, '')) = ''
            order by 1
            """,
            why="Cost over persons to whom it was not attributed is a figure that nobody measured, and must say so.",
            expected="a name that begins with sensitivity_ and a caption (de, en)",
            severity=HOLD,
            owner=OWNER,
        ),
        evidence_rule("sensitivity_cost_per_person", "cost_per_person_eur", "sensitivity"),
        denominator_rule("sensitivity_cost_per_person", "cost_per_person_eur", "denominator_persons", "sensitivity"),
    ]


def _cost_figure(mart: str, figure: str, place: str) -> list[Expectation]:
    return [
        denominator_rule(mart, figure, "denominator_persons", f"{place} || ' ' || reference_year"),
        no_row(
            f"{mart}.figure_has_evidence_and_captions",
            f"""
            select {place} || ' ' || reference_year as observed
            from batch
            where {figure} is not null and '' in (
                btrim(coalesce(evidence, '')), btrim(coalesce(caption_de, '')), btrim(coalesce(caption_en, ''))
            )
            order by 1
            """,
            why="Without its caption this figure is read as the cost of an immigrant, which it is not.",
            expected="evidence class and caption (de, en) with every figure",
            severity=HOLD,
            owner=OWNER,
        ),
        # No hold: the difference is the finding. The published figure may be the wrong one, or later postings may have
        # moved ours; to stop here would let whatever was printed once decide what may be published.
        no_row(
            f"{mart}.agrees_with_published",
            f"""
            select {place} || ' ' || reference_year || ' (' || method || ')' as observed
            from batch
            where verdict = 'differs'
            order by 1
            """,
            why="Where a source published the figure, a reader will lay ours beside it and ask why the two differ.",
            expected="the published figure, where there is one",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def cost_component(build: Build) -> list[Expectation]:
    return [
        no_row(
            "cost_component.reconciles_with_ledger",
            f"""
            with input as (
                select delivery.delivery_id, delivery.source, delivery.sha256, delivery.file_name
                from raw.build_input as input
                inner join raw.delivery as delivery on delivery.delivery_id = input.delivery_id
                where input.build_id = {build.build_id}
            ),

            -- read anew from raw, past the models: sub-totals and planned amounts are no cost
            line as (
                select delivery_id, region_code, fiscal_year, amount_eur
                from raw.ledger__posting
                union all
                select delivery_id, region_code, coalesce(accrual_year, fiscal_year),
                    coalesce(expense_eur, 0) - coalesce(revenue_eur, 0)
                from raw.ledger_totals__total
                where subtotal_mark is null
                union all
                select delivery_id, region_code, budget_year + result.year_offset,
                    result.printed * case amount_unit when 'TEUR' then 1000 else 1 end
                    * case left(account_code, 1) when '4' then -1 else 1 end
                from raw.ledger_plan__position
                cross join lateral (
                    values (-2, result_two_years_before), (-1, result_year_before)
                ) as result (year_offset, printed)
                where result.printed is not null
            ),

            delivered as (
                select input.sha256, min(input.file_name) as file_name, line.region_code, line.fiscal_year,
                    sum(line.amount_eur) as amount_eur
                from input
                inner join line on line.delivery_id = input.delivery_id
                where not exists (
                    select 1
                    from build.int_cost__ledger_choice as choice
                    where choice.delivery_id = line.delivery_id and choice.fiscal_year = line.fiscal_year
                        and choice.municipality_ags = line.region_code and not choice.is_counted
                )
                group by 1, 3, 4
            ),

            ledger as (
                select delivered.*, methods.method
                from delivered
                cross join (
                    select distinct method from batch
                    union all
                    select 'no method' where not exists (select 1 from batch)
                ) as methods
            ),

            -- of a confidential year the mart has the rows without amounts: those that it would show otherwise
            component as (
                select method, source_sha256, municipality_ags, fiscal_year, sum(amount_eur) as amount_eur,
                    bool_or(is_confidential) as is_confidential
                from (
                    select method, source_sha256, municipality_ags, fiscal_year, amount_eur, false as is_confidential
                    from batch
                    where amount_reason is null
                    union all
                    select method, source_sha256, municipality_ags, fiscal_year, amount_eur, true
                    from build.int_cost__component as exact
                    where (method, source_sha256, municipality_ags, fiscal_year) in (
                        select method, source_sha256, municipality_ags, fiscal_year
                        from batch
                        where amount_reason is not null
                    )
                ) as amounts
                group by 1, 2, 3, 4
            )

            select
                coalesce(ledger.file_name, 'no file that counts') || ' '
                || coalesce(component.municipality_ags, ledger.region_code) || ' '
                || coalesce(component.fiscal_year, ledger.fiscal_year) || ' '
                || coalesce(component.method, ledger.method)
                || case
                    when component.is_confidential then ': components and ledger differ, by confidential amounts'
                    else ': components ' || coalesce(component.amount_eur::text, 'none')
                        || ', ledger ' || coalesce(ledger.amount_eur::text, 'none')
                end as observed
            from ledger
            full join component
                on component.source_sha256 = ledger.sha256 and component.municipality_ags = ledger.region_code
                and component.fiscal_year = ledger.fiscal_year and component.method = ledger.method
            where component.amount_eur is null or ledger.amount_eur is null
                or abs(component.amount_eur - ledger.amount_eur) > {CENT}
            order by 1
            """,
            why="Every cent of the ledger is attributed, unattributed or excluded: a rest is a cost lost or made up.",
            expected="attributed + unattributed + excluded = ledger, by delivery that counts, year and method",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "cost_component.one_ledger_a_year",
            """
            select municipality_ags || ' ' || booked_year || ': '
                || count(distinct delivery_id) filter (where is_counted) || ' ledgers count' as observed
            from build.int_cost__ledger_choice
            where fiscal_year = booked_year
            group by municipality_ags, booked_year
            having count(distinct delivery_id) filter (where is_counted) <> 1
            order by 1
            """,
            why="A journal and its totals are the same money: to count both doubles a year, to count neither loses it.",
            expected="one ledger that counts, by municipality and year",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "cost_component.ledger_left_aside",
            """
            select delivery.file_name || ' for ' || choice.fiscal_year || ': ' || choice.reason as observed
            from build.int_cost__ledger_choice as choice
            inner join raw.delivery as delivery on delivery.delivery_id = choice.delivery_id
            where not choice.is_counted
            order by 1
            """,
            why="Who delivered a ledger is owed the reason why its amounts are not in the figure.",
            expected="no delivered ledger beside one that counts for the year",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "cost_component.exclusion_has_reason",
            """
            select product_code || '/' || account_code as observed
            from batch
            where treatment <> 'attributed' and btrim(coalesce(exclusion_reason, '')) = ''
            order by 1
            """,
            why="What is left out decides the figure as much as what is counted, so each exclusion must be arguable.",
            expected="a reason with everything that is not attributed",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "cost_component.everything_mapped",
            """
            select distinct product_code || '/' || account_code as observed
            from batch
            where exclusion_reason = 'unmapped'
            order by 1
            """,
            why="A product and account that the mapping does not know may be cost that is missing from the figure.",
            expected="every product and account in cost_mapping",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "cost_component.share_counts_the_same_persons",
            """
            select distinct municipality_ags || ' ' || share_reference_date || ': ' || share_numerator
                || ' in the share of the population, ' || denominator_population_persons || ' in the denominator'
                as observed
            from batch
            where share_difference_persons <> 0
            order by 1
            """,
            why="One figure that counts the same persons of a day twice, and differently, has to say whose each is.",
            expected="one count of the group for a place and day, of a register to its class",
            severity=WARN,
            owner=OWNER,
        ),
        confidential_rule(
            "cost_component",
            (
                "amount_eur",
                "posting_count",
                "booked_amount_eur",
                "share_numerator",
                "share_denominator",
                "amount_precision_eur",
                "denominator_population_persons",
                "share_difference_persons",
            ),
            "municipality_ags || ' ' || fiscal_year",
            "amount_reason",
        ),
        evidence_rule("cost_component", "amount_eur", "product_code || '/' || account_code"),
        denominator_rule(
            "cost_component", "share_numerator", "share_denominator", "product_code || '/' || account_code"
        ),
    ]

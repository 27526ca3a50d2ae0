"""marts: the candidate marts of a build, before they are published.

A failing `hold` stops the publication, and the one in force stays. What the marts' own dbt tests
guard (keys, relations, formulas) is not repeated here.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from expectations.eu2_series import HIGHEST_GROWTH_PCT, LOWEST_GROWTH_PCT
from expectations.suite import HOLD, WARN, Build, Expectation, expect, no_row
from ingest.counts import SMALLEST, STEP
from lagebild import yaml_files
from lagebild.settings import DBT_PROJECT

OWNER = "data engineering"
CENT = 0.005
# Of fewer persons a single large family moves the rate by a per cent and more.
LEAST_PERSONS = 100
LARGEST_CHANGE_POINTS = 3.0


def suites(build: Build) -> Mapping[str, list[Expectation]]:
    """Expectations by mart (a table in schema `build`)."""
    return {mart: _filled(mart, build) + _still_there(mart, build) + rules(build) for mart, rules in _RULES.items()}


def _cost_per_person(build: Build) -> list[Expectation]:
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
        _year_on_year(
            "cost_per_person",
            "cost_per_person_eur",
            ("municipality_ags", "method"),
            "reference_year",
            "not between 0.5 * previous and 2.0 * previous",
            why="Cost and persons move by some per cent a year: half or twice is another way of booking or counting.",
            expected="between half and twice the year before, same place and method",
        ),
        _register_is_rounded(
            "cost_per_person",
            {"population_persons": "population_evidence"},
            "municipality_ags || ' ' || reference_year",
            "population_source = 'register'",
        ),
        _no_small_cell(
            "cost_per_person",
            ("employees_persons",),
            "municipality_ags || ' ' || reference_year",
            "employees_evidence is distinct from 'published'",
        ),
        _confidential(
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


def _cost_extrapolation(build: Build) -> list[Expectation]:
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
        _register_is_rounded(
            "cost_extrapolation",
            {"population_persons": "population_evidence"},
            "municipality_ags || ' ' || region_code || ' ' || persons_year",
            "population_source = 'register'",
        ),
        _confidential(
            "cost_extrapolation",
            (
                "extrapolated_cost_rounded_rate_eur", "extrapolated_cost_unrounded_rate_eur",
                "extrapolated_cost_low_eur", "extrapolated_cost_high_eur", "presentation_de",
            ),
            "municipality_ags || ' ' || region_code || ' ' || persons_year",
        ),
    ]  # fmt: skip


def _cost_bridge(build: Build) -> list[Expectation]:
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
        _evidence("cost_bridge", "part_eur", "municipality_ags || ' ' || part"),
        _captions("cost_bridge", "part_eur", "municipality_ags || ' ' || part"),
    ]


def _cost_comparability(build: Build) -> list[Expectation]:
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


def _ledger_choice(build: Build) -> list[Expectation]:
    return [
        _evidence("ledger_choice", "amount_eur", "municipality_ags || ' ' || fiscal_year || ' ' || source"),
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
        _confidential(
            "ledger_choice",
            ("amount_eur", "line_count"),
            "municipality_ags || ' ' || fiscal_year || ' ' || source",
            "amount_reason",
        ),
    ]


def _lump_sum_simulation(build: Build) -> list[Expectation]:
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
        _evidence("lump_sum_simulation", "lump_sum_eur", "municipality_ags || ' ' || lump_sum"),
        _denominator("lump_sum_simulation", "covered_pct", "total_cost_eur", "municipality_ags || ' ' || lump_sum"),
        _register_is_rounded(
            "lump_sum_simulation",
            {"population_persons": "population_evidence"},
            "municipality_ags || ' ' || lump_sum",
            "population_source = 'register'",
        ),
        _confidential(
            "lump_sum_simulation",
            ("population_persons", "lump_sum_eur", "total_cost_eur", "covered_pct"),
            "municipality_ags || ' ' || lump_sum",
        ),
    ]


def _sensitivity_cost_per_person(build: Build) -> list[Expectation]:
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
        _evidence("sensitivity_cost_per_person", "cost_per_person_eur", "sensitivity"),
        _denominator("sensitivity_cost_per_person", "cost_per_person_eur", "denominator_persons", "sensitivity"),
    ]


def _cost_figure(mart: str, figure: str, place: str) -> list[Expectation]:
    return [
        _denominator(mart, figure, "denominator_persons", f"{place} || ' ' || reference_year"),
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


def _cost_component(build: Build) -> list[Expectation]:
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
        _confidential(
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
        _evidence("cost_component", "amount_eur", "product_code || '/' || account_code"),
        _denominator("cost_component", "share_numerator", "share_denominator", "product_code || '/' || account_code"),
    ]


def _eu2_population(build: Build) -> list[Expectation]:
    counting = sorted(build.delivered & {"azr_nrw", "eu2_series", "register"})
    values = ", ".join(f"('{source}')" for source in counting)
    missing = [
        no_row(
            "eu2_population.every_source_counted",
            f"""
            select 'no row from ' || stated.source as observed
            from (values {values}) as stated (source)
            where not exists (select 1 from batch where batch.source = stated.source)
            order by 1
            """,
            why="The register and the AZR count differently, and the reader is owed both: none may drop out unseen.",
            expected=f"rows from {', '.join(counting)}",
            severity=HOLD,
            owner=OWNER,
        )
    ]
    return [
        _register_is_rounded(
            "eu2_population",
            {"bulgaria_persons": "evidence", "romania_persons": "evidence", "eu2_persons": "eu2_evidence"},
            "region_code || ' ' || reference_date",
            "source = 'register'",
        ),
        no_row(
            "eu2_population.gap_has_reason",
            """
            select region_code || ' ' || reference_date as observed
            from batch
            where source = 'register' and (
                num_nulls(bulgaria_persons, romania_persons, eu2_persons) > 0 or is_suppressed
            ) <> (reason is not distinct from 'confidential')
            order by 1
            """,
            why="A count that is kept back must say so, or it reads as nobody; and one reason for all tells of none.",
            expected="the reason confidential wherever a count of a register is not shown, and nowhere else",
            severity=HOLD,
            owner=OWNER,
        ),
        _year_on_year(
            "eu2_population",
            "eu2_persons",
            ("region_code", "source"),
            "extract(year from reference_date)::integer",
            f"not between {1 + LOWEST_GROWTH_PCT / 100} * previous and {1 + HIGHEST_GROWTH_PCT / 100} * previous"
            f" and previous >= {LEAST_PERSONS}",
            why="In the year of free movement EU2 grew by 30 %: twice that, or a fall by a third, asks for its cause.",
            expected=f"{LOWEST_GROWTH_PCT} to {HIGHEST_GROWTH_PCT} % on the year before, above {LEAST_PERSONS} persons",
        ),
        _evidence("eu2_population", "eu2_persons", "region_code || ' ' || reference_date"),
        *(missing if counting else []),
    ]


def _migration_background(build: Build) -> list[Expectation]:
    return [
        expect(
            "migration_background.share_within_0_and_100",
            "ExpectColumnValuesToBeBetween",
            column="share_pct",
            min_value=0,
            max_value=100,
            why="A share of a population cannot leave 0 to 100 per cent, neither as delivered nor as computed.",
            expected="between 0 and 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        _year_on_year(
            "migration_background",
            "share_pct",
            ("region_code", "sense", "population_group"),
            "reference_year",
            f"not between previous - {LARGEST_CHANGE_POINTS} and previous + {LARGEST_CHANGE_POINTS}",
            why="A share moves by a point a year; more is a break of the survey (2005, 2011, 2016, 2017, 2020).",
            expected=f"within {LARGEST_CHANGE_POINTS} points of the year before",
        ),
        _evidence("migration_background", "coalesce(share_pct, persons)", "region_code || ' ' || reference_year"),
    ]


def _programme_funding(build: Build) -> list[Expectation]:
    return [
        _evidence("programme_funding", "amount_eur", "figure_id"),
        no_row(
            "programme_funding.part_is_never_added",
            """
            select figure_id || ' is a part of ' || part_of as observed
            from batch
            where part_of is not null and is_addable is distinct from false
            order by 1
            """,
            why="A part added to its whole counts the same money twice: Gemeinsam klappt's is paid from Durchstarten.",
            expected="no part of another figure among what may be added",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def _programme_funding_year(build: Build) -> list[Expectation]:
    return [
        _evidence("programme_funding_year", "amount_eur", "programme_id || ' ' || reference_year"),
        _reason("programme_funding_year", "amount_eur", "reason", "programme_id || ' ' || reference_year"),
    ]


def _funding_granted(build: Build) -> list[Expectation]:
    place = "funder || ' ' || region_code || ' ' || begin_year"
    return [
        _evidence("funding_granted", "granted_eur", place),
        _reason("funding_granted", "granted_eur", "reason", place),
        no_row(
            "funding_granted.no_small_cell",
            f"""
            select funder || ' ' || region_code || ': ' || min(operations) as observed
            from batch
            group by source_sha256, funder, region_code
            having min(operations) < {SMALLEST}
                or max(operations) filter (where begin_year = 'all')
                - coalesce(sum(operations) filter (where begin_year <> 'all'), 0) between 1 and {SMALLEST - 1}
            order by 1
            """,
            why="A beneficiary may be a person: one or two operations lead to them, also as the rest of a sum.",
            expected=f"no {SMALLEST - 1} or fewer operations, neither shown nor left by the years of a sum",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def _funding_cliff(build: Build) -> list[Expectation]:
    return [
        no_row(
            "funding_cliff.position_has_its_author",
            """
            select measure_id || ' ' || receiving_programme_id || ' ' || module_number as observed
            from batch
            where receiving_programme_id <> 'not_stated'
                and '' in (btrim(coalesce(stated_by, '')), btrim(coalesce(eligibility_document, '')))
            order by 1
            """,
            why="Whether a module can take a measure is disputed: without its author a position reads as a finding.",
            expected="who says so, and in which document, with every statement",
            severity=HOLD,
            owner=OWNER,
        ),
        _evidence("funding_cliff", "measure", "measure_id"),
    ]


def _programme_outcome(build: Build) -> list[Expectation]:
    return [
        _evidence("programme_outcome", "results_cases", "programme_id || ' ' || region_code"),
        _denominator("programme_outcome", "eur_per_result", "results_cases", "programme_id || ' ' || region_code"),
        _no_small_cell(
            "programme_outcome",
            ("participants_persons", "employed_after_six_months_persons", "improved_after_six_months_persons"),
            "programme_id || ' ' || region_code",
            "evidence <> 'published'",
        ),
        _reason("programme_outcome", "eur_per_result", "eur_per_result_reason", "programme_id || ' ' || region_code"),
    ]


def _integration_course(build: Build) -> list[Expectation]:
    place = "region_code || ' ' || stated_year || ' ' || reference_month"
    return [
        _evidence("integration_course", "coalesce(courses, participants_persons)", place),
        _denominator("integration_course", "eur_per_course", "courses", place),
        _no_small_cell("integration_course", ("participants_persons",), place, "evidence <> 'published'"),
        _reason("integration_course", "eur_per_course", "eur_per_course_reason", place),
        no_row(
            "integration_course.success_is_defined",
            f"""
            select {place} as observed
            from batch
            where eur_per_success is not null and btrim(coalesce(success_definition, '')) = ''
            order by 1
            """,
            why="Nobody can say what a success costs before it is said what a success is.",
            expected="no EUR a success without a definition of success",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def _refinancing(build: Build) -> list[Expectation]:
    place = "region_code || ' ' || accrual_year || ' ' || method || ' ' || funding_level"
    return [
        _evidence("refinancing", "rate_pct", place),
        _denominator("refinancing", "rate_pct", "cost_eur", place),
        _reason("refinancing", "rate_pct", "reason", place),
        no_row(
            "refinancing.unknown_is_not_zero",
            f"""
            select {place} as observed
            from batch
            where (gap_eur is not null or rate_pct is not null) and received_eur is null
            order by 1
            """,
            why="Money that nobody reported would count as none, and the gap would be as large as the cost.",
            expected="a rate and a gap only where the money is known",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def _published_claim(build: Build) -> list[Expectation]:
    return [
        _evidence("published_claim", "compared_value", "figure_id"),
        # No hold: what a source printed wrongly is shown with its verdict, and the marts beside it are right.
        no_row(
            "published_claim.is_plausible",
            """
            select figure_id || ': up to ' || trim_scale(claimed_high) || ' claimed, '
                || trim_scale(compared_value) || ' in ' || compared_with as observed
            from batch
            where verdict = 'contradicted'
            order by 1
            """,
            why="A part larger than what is claimed for the whole: one of the two is wrong, and a reader is told.",
            expected="no claim that another source contradicts",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def _municipal_profile(build: Build) -> list[Expectation]:
    place = "region_code || ' ' || reference_year"
    return [
        _evidence("municipal_profile", "population_persons", place),
        _denominator("municipal_profile", "foreign_pct_recomputed", "population_persons", place),
        _year_on_year(
            "municipal_profile",
            "population_persons",
            ("region_code",),
            "reference_year",
            "not between 0.9 * previous and 1.1 * previous",
            why="A place grows or shrinks by a few per cent a year: more is a change of its borders, or another place.",
            expected="within 10 % of the year before",
        ),
    ]


def _official_statistic(build: Build) -> list[Expectation]:
    return [
        _evidence("official_statistic", "value", "table_code || ' ' || time_text || ' ' || source_region_code"),
        no_row(
            "official_statistic.number_or_sign",
            """
            select table_code || ' ' || time_text || ', line ' || line_number as observed
            from batch
            where (value is null) = (value_sign is null)
            order by 1
            """,
            why="A cell without number and sign reads as zero, and one with both says two things.",
            expected="a number or a sign, one of the two",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "official_statistic.place_known",
            """
            select table_code || ': ' || min(classification_codes) as observed
            from batch
            where region_level is null
            group by table_code
            order by 1
            """,
            why="A value whose place nobody can name is found by nobody: its table names places by another variable.",
            expected="a place in every row, by the seed genesis_region_variable",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "official_statistic.agrees_with_azr_nrw",
            r"""
            with foreigners as (
                select
                    reference_date,
                    source_region_code,
                    substring(classification_codes from '(?:^|;)STAAG[^=]*=ST([0-9]+)') as nationality_code,
                    substring(classification_codes from '(?:^|;)GES=([A-Z]*)') as sex,
                    value
                from batch
                where table_code = '12521-0041'
            ),
            counted as (
                select azr.reference_date, azr.source_region_code, azr.nationality_code, counts.sex, counts.persons
                from build.stg_azr_nrw__nationality as azr
                cross join lateral (
                    values ('', azr.persons), ('GESM', azr.male_persons), ('GESW', azr.female_persons)
                ) as counts (sex, persons)
            )
            select foreigners.source_region_code || ' ' || nationality_code || ' ' || foreigners.sex || ' '
                || foreigners.reference_date || ': ' || foreigners.value || ', azr_nrw ' || counted.persons as observed
            from foreigners
            inner join counted using (reference_date, source_region_code, nationality_code, sex)
            where foreigners.value <> counted.persons
            order by 1
            """,
            why="Two offices publish one register: another count of the same persons is a revision, or a slipped row.",
            expected="the counts of azr_nrw for the same district, nationality, sex and day",
            severity=WARN,
            owner=OWNER,
        ),
    ]


def _eu2_population_unmasked(build: Build) -> list[Expectation]:
    return [_evidence("eu2_population_unmasked", "eu2_persons", "region_code || ' ' || reference_date")]


def _reason(mart: str, figure: str, reason: str, place: str) -> Expectation:
    return no_row(
        f"{mart}.gap_has_reason",
        f"""
        select {place} as observed
        from batch
        where {figure} is null and btrim(coalesce({reason}, '')) = ''
        order by 1
        """,
        why="A missing figure without its reason reads as zero, or as something to hide.",
        expected="a reason wherever there is no figure",
        severity=HOLD,
        owner=OWNER,
    )


def _denominator(mart: str, figure: str, denominator: str, place: str) -> Expectation:
    return no_row(
        f"{mart}.denominator_positive",
        f"""
        select {place} || ': ' || coalesce({denominator}::text, 'none') as observed
        from batch
        where {figure} is not null and coalesce({denominator}, 0) <= 0
        order by 1
        """,
        why="With nothing, or less than nothing, to divide by, a rate has no meaning.",
        expected=f"{denominator} above 0 wherever there is {figure}",
        severity=HOLD,
        owner=OWNER,
    )


def _year_on_year(
    mart: str, figure: str, keys: tuple[str, ...], year: str, bounds: str, *, why: str, expected: str
) -> Expectation:
    """A warning where a figure leaves `bounds` (SQL that follows the figure and knows `previous`, a year before)."""
    place, own = " || ' ' || ".join(keys), ", ".join(keys)
    return no_row(
        f"{mart}.year_on_year",
        f"""
        with yearly as (
            select {place} as place, {year} as of_year, {figure} as figure,
                lag({figure}) over (partition by {own} order by {year}) as previous,
                lag({year}) over (partition by {own} order by {year}) as previous_year
            from batch
            where {figure} is not null
        )
        select place || ' ' || of_year || ': ' || trim_scale(figure::numeric) || ' after '
            || trim_scale(previous::numeric) as observed
        from yearly
        where of_year = previous_year + 1 and figure {bounds}
        order by 1
        """,
        why=why,
        expected=expected,
        severity=WARN,
        owner=OWNER,
    )


def _no_small_cell(mart: str, counts: tuple[str, ...], place: str, where: str = "true") -> Expectation:
    small = " or ".join(f"({count} > 0 and {count} < {SMALLEST})" for count in counts)
    return no_row(
        f"{mart}.no_small_cell",
        f"""
        select {place} as observed
        from batch
        where {where} and ({small})
        order by 1
        """,
        why="One or two persons in a cell can be recognised by their neighbours: such counts are masked first.",
        expected=f"no count of 1 to {SMALLEST - 1} persons that is derived from persons",
        severity=HOLD,
        owner=OWNER,
    )


def _register_is_rounded(mart: str, counts: Mapping[str, str], place: str, where: str) -> Expectation:
    """`counts`: column of a count -> column of its evidence."""
    exact = " or ".join(
        f"(({count} < {STEP} or {count} % {STEP} <> 0) and {evidence} is distinct from 'published')"
        for count, evidence in counts.items()
    )
    return no_row(
        f"{mart}.register_is_rounded",
        f"""
        select {place} as observed
        from batch
        where {where} and ({exact})
        order by 1
        """,
        why="Exact counts of a register tell single persons by differences between places, days or publications.",
        expected=f"multiples of {STEP}, from {STEP} on, or what the municipality published itself",
        severity=HOLD,
        owner=OWNER,
    )


def _confidential(mart: str, figures: tuple[str, ...], place: str, reason: str = "reason") -> Expectation:
    return no_row(
        f"{mart}.confidential_shows_no_figure",
        f"""
        select {place} as observed
        from batch
        where {reason} = 'confidential' and num_nonnulls({", ".join(figures)}) > 0
        order by 1
        """,
        why="One figure of a protected group gives the others back: persons, rates and amounts go together.",
        expected="no figure beside the reason confidential",
        severity=HOLD,
        owner=OWNER,
    )


def _still_there(mart: str, build: Build) -> list[Expectation]:
    """That every place of the publication in force is in the mart: it may go with a delivery that was withdrawn or
    corrected, and no other way; a mart that drops a place on purpose is a new version of it.
    """
    if mart not in places():
        return []
    schema, place = places()[mart]
    return [
        no_row(
            f"{mart}.places_still_there",
            f"""
            with gone as (
                select ({place})::text as place from {schema}.{mart}
                except
                select ({place})::text from batch
            )
            select place as observed from gone order by 1
            """,
            why="A place that readers find today must not be missing tomorrow without anybody having decided so.",
            expected="every place of the publication in force"
            + (
                f"; it also read what was withdrawn or corrected: {', '.join(sorted(build.lost))}" if build.lost else ""
            ),
            severity=WARN if build.lost else HOLD,
            owner=OWNER,
        )
    ]


def _captions(mart: str, figure: str, place: str) -> Expectation:
    return no_row(
        f"{mart}.figure_has_captions",
        f"""
        select {place} as observed
        from batch
        where {figure} is not null and '' in (btrim(coalesce(caption_de, '')), btrim(coalesce(caption_en, '')))
        order by 1
        """,
        why="Without its caption this figure is read as the cost of an immigrant, which it is not.",
        expected="a caption (de, en) with every figure",
        severity=HOLD,
        owner=OWNER,
    )


def _evidence(mart: str, figure: str, place: str) -> Expectation:
    return no_row(
        f"{mart}.figure_has_evidence",
        f"""
        select {place} as observed
        from batch
        where {figure} is not null and btrim(coalesce(evidence, '')) = ''
        order by 1
        """,
        why="A figure must say whether it was published, delivered, derived, solved back or made up.",
        expected="an evidence class with every figure",
        severity=HOLD,
        owner=OWNER,
    )


def _filled(mart: str, build: Build) -> list[Expectation]:
    """That the mart has rows, if all it rests on was delivered: a warehouse need not have every source."""
    met = [severity for sources, severity in rests_on().get(mart, ()) if sources <= build.delivered]
    if not met:
        return []
    return [
        expect(
            f"{mart}.has_rows",
            "ExpectTableRowCountToBeBetween",
            min_value=1,
            why="What it rests on was delivered: an empty mart would replace published figures by none.",
            expected="at least 1 row",
            severity=HOLD if HOLD in met else WARN,
            owner=OWNER,
        )
    ]


@cache
def _declared() -> Mapping[str, Mapping[str, Any]]:
    """What the marts' YAML says of each (config.meta), by mart."""
    files = [yaml_files.read(path) for path in sorted((DBT_PROJECT / "models" / "marts").rglob("*.yml"))]
    return {entry["name"]: entry["config"]["meta"] for file in files for entry in file.get("models", ())}


def rests_on() -> Mapping[str, list[tuple[frozenset[str], str]]]:
    """What a mart must not be empty with: any of these sets of sources, and how severe it is.

    A bridge and a comparison need two figures: they may be empty whatever was delivered.
    """
    return {
        mart: [
            (frozenset([sources] if isinstance(sources, str) else sources), severity)
            for severity, sets in meta["rests_on"].items()
            for sources in sets
        ]
        for mart, meta in _declared().items()
        if "rests_on" in meta
    }


def places() -> Mapping[str, tuple[str, str]]:
    """By mart, the schema that the publication in force stands in, and what of it must not be lost (SQL)."""
    return {
        mart: (meta["audience"], " || ' ' || ".join(meta["place"]))
        for mart, meta in _declared().items()
        if "place" in meta
    }


_RULES: Mapping[str, Callable[[Build], list[Expectation]]] = {
    rules.__name__.removeprefix("_"): rules
    for rules in (
        _cost_per_person,
        _cost_bridge,
        _cost_comparability,
        _cost_component,
        _cost_extrapolation,
        _eu2_population,
        _eu2_population_unmasked,
        _lump_sum_simulation,
        _migration_background,
        _programme_funding,
        _programme_funding_year,
        _funding_cliff,
        _funding_granted,
        _programme_outcome,
        _integration_course,
        _ledger_choice,
        _refinancing,
        _published_claim,
        _municipal_profile,
        _official_statistic,
        _sensitivity_cost_per_person,
    )
}

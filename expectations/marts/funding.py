"""What must hold of the marts of funding, programmes and what came of them."""

from expectations.marts.rules import OWNER, denominator_rule, evidence_rule, no_small_cell, reason_rule
from expectations.suite import HOLD, WARN, Build, Expectation, no_row
from ingest.contracts.counts import SMALLEST


def programme_funding(build: Build) -> list[Expectation]:
    return [
        evidence_rule("programme_funding", "amount_eur", "figure_id"),
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


def programme_funding_year(build: Build) -> list[Expectation]:
    return [
        evidence_rule("programme_funding_year", "amount_eur", "programme_id || ' ' || reference_year"),
        reason_rule("programme_funding_year", "amount_eur", "reason", "programme_id || ' ' || reference_year"),
    ]


def funding_granted(build: Build) -> list[Expectation]:
    place = "funder || ' ' || region_code || ' ' || begin_year"
    return [
        evidence_rule("funding_granted", "granted_eur", place),
        reason_rule("funding_granted", "granted_eur", "reason", place),
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


def funding_cliff(build: Build) -> list[Expectation]:
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
        evidence_rule("funding_cliff", "measure", "measure_id"),
    ]


def programme_outcome(build: Build) -> list[Expectation]:
    return [
        evidence_rule("programme_outcome", "results_cases", "programme_id || ' ' || region_code"),
        denominator_rule("programme_outcome", "eur_per_result", "results_cases", "programme_id || ' ' || region_code"),
        no_small_cell(
            "programme_outcome",
            ("participants_persons", "employed_after_six_months_persons", "improved_after_six_months_persons"),
            "programme_id || ' ' || region_code",
            "evidence <> 'published'",
        ),
        reason_rule(
            "programme_outcome", "eur_per_result", "eur_per_result_reason", "programme_id || ' ' || region_code"
        ),
    ]


def integration_course(build: Build) -> list[Expectation]:
    place = "region_code || ' ' || stated_year || ' ' || reference_month"
    return [
        evidence_rule("integration_course", "coalesce(courses, participants_persons)", place),
        denominator_rule("integration_course", "eur_per_course", "courses", place),
        no_small_cell("integration_course", ("participants_persons",), place, "evidence <> 'published'"),
        reason_rule("integration_course", "eur_per_course", "eur_per_course_reason", place),
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


def refinancing(build: Build) -> list[Expectation]:
    place = "region_code || ' ' || accrual_year || ' ' || method || ' ' || funding_level"
    return [
        evidence_rule("refinancing", "rate_pct", place),
        denominator_rule("refinancing", "rate_pct", "cost_eur", place),
        reason_rule("refinancing", "rate_pct", "reason", place),
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


def published_claim(build: Build) -> list[Expectation]:
    return [
        evidence_rule("published_claim", "compared_value", "figure_id"),
        # No hold: what a source printed wrongly is shown with its verdict, and the marts beside it are right.
        no_row(
            "published_claim.is_plausible",
            """
            select figure_id || ': ' || trim_scale(coalesce(claimed_high, claimed_value)) || ' claimed, '
                || trim_scale(compared_value) || ' by ' || compared_with as observed
            from batch
            where verdict = 'contradicted'
            order by 1
            """,
            why="A part larger than the whole, or two numbers for one thing: one is wrong, and a reader is told.",
            expected="no claim that another source, or its own document, contradicts",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "published_claim.nothing_pinned_confirms",
            """
            select figure_id || ': ' || verdict || ' by ' || evidence as observed
            from batch
            where verdict in ('plausible', 'contradicted') and evidence in ('derived_from_result', 'synthetic')
            order by 1
            """,
            why="What was solved back from a claim agrees with it by construction, and what is made up says nothing.",
            expected="at most retraced where the figure beside it was pinned, solved back or made up",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "published_claim.change_says_what_it_holds",
            """
            select figure_id as observed
            from batch
            where compared_with = 'eu2_population_change'
                and '' in (btrim(coalesce(caveat_de, '')), btrim(coalesce(caveat_en, '')))
            order by 1
            """,
            why="A net change holds births, deaths and naturalisations: read as immigration it would mislead.",
            expected="a caveat (de, en) wherever a change of the stock stands beside an inflow",
            severity=HOLD,
            owner=OWNER,
        ),
    ]

"""What must hold of the marts of surveys."""

from expectations.marts.rules import OWNER, confidential_rule, evidence_rule, no_small_cell, reason_rule
from expectations.suite import HOLD, Build, Expectation, no_row

_ESTIMATE = "concat_ws(' ', region_code, reference_period, measure, size_class, sex, age_group, background_group)"


def mikrozensus_estimate(build: Build) -> list[Expectation]:
    return [
        evidence_rule("mikrozensus_estimate", "share_pct", _ESTIMATE),
        reason_rule("mikrozensus_estimate", "share_pct", "reason", _ESTIMATE),
        confidential_rule(
            "mikrozensus_estimate", ("share_pct", "standard_error_pct", "persons", "cases", "clusters"), _ESTIMATE
        ),
        no_small_cell("mikrozensus_estimate", ("cases",), _ESTIMATE),
        no_row(
            "mikrozensus_estimate.slash_shows_no_value",
            f"""
            select {_ESTIMATE} as observed
            from batch
            where (value_sign is not distinct from '/') <> (reason is not distinct from 'too_few_cases')
                or (value_sign = '/' and num_nonnulls(share_pct, standard_error_pct, persons, cases, clusters) > 0)
            order by 1
            """,
            why="The survey's slash means that the value is not reliable enough to be shown: shown it would be quoted.",
            expected="no value beside the sign /, and the reason too_few_cases there alone",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "mikrozensus_estimate.interval_holds_the_share",
            f"""
            select {_ESTIMATE} as observed
            from batch
            where share_pct not between interval_low_pct and interval_high_pct
                or interval_low_pct < 0 or interval_high_pct > 100 or standard_error_pct < 0
                or (share_pct is null) <> (standard_error_pct is null)
            order by 1
            """,
            why="A share without its error, or outside its own interval, says more than the sample does.",
            expected="each share with its error, within an interval from 0 to 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
    ]


def survey_result(build: Build) -> list[Expectation]:
    answer = "concat_ws(' ', survey, region_code, respondents, item)"
    return [
        evidence_rule("survey_result", "share_pct", answer),
        reason_rule("survey_result", "share_pct", "reason", answer),
        no_row(
            "survey_result.question_with_every_answer",
            f"""
            select {answer} as observed
            from batch
            where btrim(coalesce(question, '')) = '' or btrim(coalesce(respondents, '')) = ''
                or btrim(coalesce(source_document, '')) = ''
            order by 1
            """,
            why="A share of answers means nothing without what was asked, whom, and where it is printed.",
            expected="question, respondents and document in every row",
            severity=HOLD,
            owner=OWNER,
        ),
    ]

"""survey_result: what municipalities, persons or firms answered in surveys, as documents print it."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row

TABLE = "raw.survey_result__answer"
PERSONAL = False
OWNER = "data engineering"

STATISTICS: dict[str, Statistic] = {}  # shares of many questions: none has a total
KEY = ("survey", "region_code", "reference_year", "respondents", "item")


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `survey_result` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        no_row(
            "value_is_the_printed_one",
            """
            select line_number, survey || ': ' || share_pct || ', printed ' || value_printed as observed
            from batch
            where share_pct is not null
                and translate(coalesce(substring(value_printed from '[0-9]+(?:,[0-9]+)?'), '-1'), ',', '.')::numeric
                <> share_pct
            order by 1
            """,
            why="The words are the source, the number is ours: where they differ, one was mistyped.",
            expected="the number that stands in the printed words",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "number_has_its_precision",
            """
            select line_number, survey || ': ' || item as observed
            from batch
            where (share_pct is null) <> (qualifier is null)
            order by 1
            """,
            why="A share without a word on its precision is read as exact; a word without a share is about nothing.",
            expected="a precision with every number, and with none but numbers",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "asked_before_it_was_printed",
            f"""
            select line_number, survey || ': ' || reference_year as observed
            from batch
            where reference_year not between 1990 and {delivery.received_on.year}
            order by 1
            """,
            why="Nobody prints a survey of the years to come: the year is mistyped.",
            expected="1990 to the year of receipt",
            severity=HOLD,
            owner=OWNER,
        ),
        still_there(
            delivery,
            TABLE,
            "answers_still_there",
            f"concat_ws(' ', {', '.join(KEY)})",
            why="A list of printed answers grows: one that is gone was dropped, or its key changed.",
            expected="every answer of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
    ]

"""programme_result: participants, results, cost, sites and reach of programmes."""

from expectations.history import Statistic, as_usual, still_there
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, no_row, printed_agrees

TABLE = "raw.programme_result__value"
PERSONAL = False
OWNER = "data engineering"
NOT_COUNTED = ("own_cost_eur", "allowance_eur_per_month")

STATISTICS: dict[str, Statistic] = {}  # results in persons, cases, per cent and EUR: none has a total


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `programme_result` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        printed_agrees("value_printed", "value", OWNER),
        still_there(
            delivery,
            TABLE,
            "results_still_there",
            "programme_id || ' ' || region_code || ' ' || period_printed || ' ' || indicator",
            why="A result that was printed stays printed: one that is gone was left out, or its key was changed.",
            expected="every result of the last accepted delivery",
            severity=WARN,
            owner=OWNER,
        ),
        no_row(
            "share_within_100",
            """
            select line_number, programme_id || ': ' || value || ' %' as observed
            from batch
            where right(indicator, 4) = '_pct' and value > 100
            order by 1
            """,
            why="A share of the results, districts or firms cannot be larger than all of them.",
            expected="at most 100 %",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "lasting_within_participants",
            """
            select line_number, programme_id || ': ' || lasting.indicator || ' ' || lasting.value as observed
            from batch as lasting
            inner join (
                select
                    programme_id as id,
                    region_code as region,
                    period_printed as period,
                    value as participants
                from batch
                where indicator = 'participants'
            ) as all_of_them
                on lasting.programme_id = all_of_them.id
                    and lasting.region_code = all_of_them.region
                    and lasting.period_printed = all_of_them.period
            where lasting.indicator in ('EECR05', 'EECR06') and lasting.value > participants
            order by 1
            """,
            why="EECR05 and EECR06 count participants six months later: more than took part were counted twice.",
            expected="no more persons after six months than participants",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "things_are_whole",
            f"""
            select line_number, programme_id || ': ' || value || ' ' || indicator as observed
            from batch
            where indicator not in {NOT_COUNTED} and right(indicator, 4) <> '_pct' and value <> floor(value)
            order by 1
            """,
            why="Sites, firms and persons are counted: half a one is a slipped comma, or a share in the wrong line.",
            expected="a whole number of whatever is counted",
            severity=HOLD,
            owner=OWNER,
        ),
    ]

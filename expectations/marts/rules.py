"""Rules that several marts share."""

from collections.abc import Mapping

from expectations.suite import HOLD, WARN, Expectation, no_row
from ingest.contracts.counts import SMALLEST, STEP

OWNER = "data engineering"
CENT = 0.005
# Of fewer persons a single large family moves the rate by a per cent and more.
LEAST_PERSONS = 100
LARGEST_CHANGE_POINTS = 3.0


def reason_rule(mart: str, figure: str, reason: str, place: str) -> Expectation:
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


def denominator_rule(mart: str, figure: str, denominator: str, place: str) -> Expectation:
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


def year_on_year(
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


def no_small_cell(mart: str, counts: tuple[str, ...], place: str, where: str = "true") -> Expectation:
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


def register_is_rounded(mart: str, counts: Mapping[str, str], place: str, where: str) -> Expectation:
    """`counts`: column of a count -> column of its evidence."""
    exact = " or ".join(
        f"(({count} <= 0 or {count} % {STEP} <> 0) and {evidence} is distinct from 'published')"
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


def confidential_rule(mart: str, figures: tuple[str, ...], place: str, reason: str = "reason") -> Expectation:
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


def captions_rule(mart: str, figure: str, place: str) -> Expectation:
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


def evidence_rule(mart: str, figure: str, place: str) -> Expectation:
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

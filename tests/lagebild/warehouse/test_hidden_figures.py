"""Canary for figures: what is hidden of a small made-up register stands in nothing that leaves the pipeline.

Like the canary for names (`tests/canary.py`), which marks every identifier: here every count and amount that must stay
hidden is a number that nothing else brings about, and all texts are searched for it in each way of writing it.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from expectations import docs
from extracts.attribution import Statement
from lagebild.cli import main
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.local import load_progress, status
from lagebild.review import decisions
from tests import canary
from tests.extracts.releases import release
from tests.ingest.support import register
from tests.support import MUNICIPALITY, PURPOSE, bundled_bytes, drop, query

HOME, BULGARIA, ROMANIA = "000", "125", "154"
REGISTERS = {
    2016: {BULGARIA: 4211, ROMANIA: 3113, HOME: 4663},
    2017: {BULGARIA: 4213, ROMANIA: 3113, HOME: 4662},
    2018: {BULGARIA: 4217, ROMANIA: 3117, HOME: 4659},
    2019: {BULGARIA: 1, ROMANIA: 1, HOME: 11976},  # of so many, 2 of the group: the share tells
}
"""Persons by nationality; no count and no sum of one day is a multiple of 5, and no group is an end of what rounding to
5 leaves open (7,323 and 7,327 for 7,325): multiples and ends are shown, whatever was counted."""
BOOKED = "20009.06"
"""Booked for the group in 2019: the money of two persons. The ledger itself is about no person, so its own checks may
say it; the marts may not."""


@dataclass(frozen=True)
class Told:
    """Everything that somebody is told, by where."""

    texts: dict[str, str]
    folders: dict[str, Path]

    def holding(self, figure: str) -> list[str]:
        """The places in which a figure stands, not as a part of a longer number."""
        found = [name for name, text in self.texts.items() if canary.holds_figure(text, figure)]
        for name, folder in self.folders.items():
            found += [f"{name}: {file.name}" for file in canary.files_with_figure(folder, figure)]
        return found


def _counts(year: int) -> dict[str, int]:
    counts = REGISTERS[year]
    group = counts[BULGARIA] + counts[ROMANIA]
    return {**counts, "group": group, "all": group + counts[HOME]}


def hidden_counts() -> set[str]:
    """Counts of persons and of rows, long enough that no other number is one by chance."""
    return {str(n) for year in REGISTERS for n in _counts(year).values() if n > 1000}


def hidden_shares() -> set[str]:
    """The share of the group, and the ends and the middle of what is usual, as a verdict would print them."""
    shares = [Decimal(_counts(year)["group"]) / _counts(year)["all"] for year in REGISTERS]
    median = sorted(shares[:3])[1]
    bounds = [shares[3], median, median * Decimal("0.75"), median * Decimal("1.25")]
    return {f"{share.quantize(Decimal('0.0001')).normalize():f}" for share in [*shares, *bounds]}


def _register(year: int) -> bytes:
    persons = [code for code, count in REGISTERS[year].items() for _ in range(count)]
    births = {"Geburtsdatum": "01.01.1980"}
    lines = (
        canary.line("N", number, f"31.12.{year}", Staatsangehörigkeit=code, **births)
        for number, code in enumerate(persons)
    )
    return register(*lines)


def _ledger() -> bytes:
    """The header of the bundled ledger and one booking for the group."""
    header, first, *_ = bundled_bytes("ledger").split(b"\n")
    assert b"20.009,06" in first and b";EU2;" in first
    return header + b"\n" + first + b"\n"


@pytest.fixture
def told(warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Four registers by the inbox, a build, its publication, the pages, an extract: all that is printed or written."""
    from ingest.deliveries import pseudonyms

    settings = replace(warehouse, publish="auto")
    monkeypatch.setattr("lagebild.core.settings.load", lambda: settings)
    pseudonyms.ensure_key(settings.keys, MUNICIPALITY, PURPOSE)
    (since,) = query(settings, "select clock_timestamp()")[0]
    printed = []
    for year in REGISTERS:
        drop(settings, "register", _register(year), f"register_{MUNICIPALITY}_{year}-12-31.csv")
        printed.append(_printed("load", "register"))
    for source, content in (("ledger", _ledger()), ("employment", None)):
        drop(settings, source, content)
        printed.append(_printed("load", source))
    assert query(settings, "select count(*) from raw.delivery where state = 'accepted' and source = 'register'") == [
        (4,)
    ]
    printed += [
        _printed(*command) for command in (("build", "--publish"), ("held",), ("deliveries",), ("publications",))
    ]
    with database.connect(settings) as connection:
        printed += map(str, load_progress.moved(connection, since))
    printed += [*map(str, decisions.waiting(settings)), *status.lines(settings)]
    docs.write(settings, tmp_path / "pages")
    package = release(settings, statement=Statement("Stadt (synthetisch)", "CC0-1.0"))
    with database.connect(settings, database.BI_READER) as connection:
        views = {
            name: "\n".join(row for (row,) in connection.execute(f'select to_jsonb(v)::text from marts."{name}" as v'))
            for (name,) in connection.execute("select viewname from pg_views where schemaname = 'marts'").fetchall()
        }
    live = {name: text for name, text in views.items() if name.startswith(("publication", "quality", "delivery"))}
    reasons = query(
        settings,
        "select reason, reason_message, why, problems, problem_messages"
        " from raw.delivery left join raw.delivery_event using (delivery_id)",
    )
    texts = {"printed": "\n".join(printed), "ledger's reasons": str(reasons), **live}
    marts = {f"mart {name}": text for name, text in views.items() if name not in live}
    return Told(
        texts | marts, {"pages": tmp_path / "pages", "extract": package, "receipts": settings.drop / "receipts"}
    )


def _printed(*command: str) -> str:
    result = CliRunner().invoke(main.cli, [*command, "-v"])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.long
def test_no_hidden_figure_of_a_register_stands_in_a_message_a_page_a_note_or_a_log(told):
    """Shares and bounds nowhere; exact counts of persons in no message but the receipt, which is the sender's own."""
    assert "eu2_share_of_persons_as_usual" in told.texts["quality_verdict"]
    assert "lower than usual (lagebild statistics" in told.texts["publication_warning"]
    assert {name: told.holding(name) for name in hidden_shares() if told.holding(name)} == {}
    found = {figure: places for figure in sorted(hidden_counts()) if (places := told.holding(figure))}
    rows = {str(_counts(year)["all"]) for year in REGISTERS}
    assert [(f, place) for f in rows for place in found[f] if not place.startswith("receipts: ")] == []
    assert [(f, place) for f in found.keys() - rows for place in found[f] if not _is_of_marts(place)] == []
    # The search finds what is there: what the sender counts in the receipt.
    assert all(any(place.startswith("receipts: ") for place in found[figure]) for figure in rows)
    money = [place for place in told.holding(BOOKED) if _is_of_marts(place)]
    assert {**{f: found[f] for f in found.keys() - rows}, **({BOOKED: money} if money else {})} == {}


def _is_of_marts(place: str) -> bool:
    """Whether the place holds a mart as it is: those are protected by their own models, and audited."""
    return place.startswith(("mart ", "extract: "))

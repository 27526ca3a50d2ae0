"""Write the bundled deliveries that are computed: register, ledger, funding, two lists of the ESF, microdata, a reply.

Everything about them is deterministic: the same facts give the same bytes on every machine.
The facts (published totals, counts, programmes) lie in `fixtures/facts/`, never here.

    python -m tests.make_bundled            write the files
    python -m tests.make_bundled --check    compare them with what would be written
"""

import argparse
import csv
import io
import random
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import xlsxwriter

from ingest import bundled
from tests import microdata

BUNDLED = Path(bundled.__file__).parent
FACTS = Path(__file__).parent / "fixtures" / "facts"
AGS_DORTMUND = "05913000"
FISCAL_YEAR = 2019
REFERENCE_DATE = date(2019, 12, 31)
SYNTHETIC = "synthetisch"
QUANTITIES = f"reference_quantities_{AGS_DORTMUND}_{FISCAL_YEAR}.csv"
QUANTITY_NAMES = {"Bevölkerung": "population", "SGB-II-Fälle": "caseload", "Schülerinnen und Schüler": "pupils"}
GERMAN = "000"
WITHOUT_AZR_NUMBER = frozenset({GERMAN, "125", "134", "137", "152", "154"})  # Germans and Union citizens

SCHOOL_DAY = date(2024, 10, 15)
PUPIL_HEADER = (
    "Stichtag", "AGS", "Liste", "Ordnungsmerkmal", "Geburtsdatum", "Staatsangehörigkeit", "Einzugsdatum",
    "Auszugsdatum", "Wohnungsart", "Herkunft",
)  # fmt: skip
LEDGER_HEADER = (
    "AGS", "Haushaltsjahr", "Belegnummer", "Buchungsdatum", "Produkt", "Produktbezeichnung", "Konto",
    "Kontobezeichnung", "Zielgruppe", "Betrag EUR", "Herkunft",
)  # fmt: skip
REGISTER_HEADER = (
    "Stichtag", "AGS", "Ordnungsmerkmal", "AZR-Nummer", "IdNr", "Familienname", "Vorname", "Geburtsdatum",
    "Geschlecht", "Staatsangehörigkeit", "Einzugsdatum", "Auszugsdatum", "Wohnungsart", "Herkunft",
)  # fmt: skip
# So few persons meet the published shares with few seeds; this one has two strata of a single district.
MICRODATA_PERSONS, MICRODATA_SEED = 360, 2044
ESF_HEADER, ESF_DATES, ESF_NUMBERS = 5, (3, 4), (5, 6, 8, 11)  # row of the header, columns, counted from 0
NRW_NUMBERS = (5, 6, 7, 10)

# A reply of GENESIS for the demo, in the layout since 2025. Variables are named as in the recorded table 12531-0043,
# but the code of the measure is our own.
AZR_TABLE = BUNDLED / "azr_nrw" / "12521-03i_2024.csv"
REPLIES = BUNDLED / "replies" / "destatis"
REPLY_TABLE, REPLY_YEAR = "12521-0041", "2024"
REPLY_COUNTRIES = ("125", "154")
REPLY_SEXES = (("", "Insgesamt"), ("GESM", "männlich"), ("GESW", "weiblich"))
DISSOLVED = ("05313", "05354")  # no districts since 2009


def files() -> dict[Path, bytes]:
    """Path and content of every computed file."""
    return {
        BUNDLED / "ledger" / f"ledger_{AGS_DORTMUND}_{FISCAL_YEAR}.csv": ledger(),
        BUNDLED / "register" / f"register_{AGS_DORTMUND}_{REFERENCE_DATE}.csv": register(),
        BUNDLED / "funding" / "funding_programmes_2024.xlsx": funding(),
        BUNDLED / "esf_bremen" / "esf_bremen_2014-2020.xlsx": esf_bremen(),
        BUNDLED / "esf_nrw" / "esf_nrw_2014-2020.xlsx": esf_nrw(),
        REPLIES / f"{REPLY_TABLE}.{REPLY_YEAR}.csv": genesis_reply(),
        BUNDLED / "mikrozensus_microdata" / f"mikrozensus_{AGS_DORTMUND}_{microdata.YEAR}.csv": microdata.content(
            MICRODATA_PERSONS, MICRODATA_SEED, households=2, states=("05", "14")
        ),
        BUNDLED / "pupil_list" / f"pupil_list_{AGS_DORTMUND}_{SCHOOL_DAY}.csv": pupil_list(),
    }


def ledger() -> bytes:
    """Synthetic postings by `facts/ledger_plan.csv`.

    The weighted ones and the group's share of those booked for everybody (column `share`) sum to the
    published total exactly.
    """
    plan = _facts("ledger_plan.csv")
    figures = {row["figure_id"]: row["value"] for row in _facts("figures.csv")}
    direct_cents = int(figures["dortmund_cost_total_2019"]) * 100 - _shared_cents(plan)
    weighted = iter(_shares(direct_cents, [int(row["weight"]) for row in plan if row["weight"]]))
    rng = random.Random(FISCAL_YEAR)
    postings = []
    for row in plan:
        cents = next(weighted) if row["weight"] else int(row["amount_eur"]) * 100
        for part in _split(rng, cents, int(row["postings"])):
            postings.append((date(FISCAL_YEAR, 1, 2) + timedelta(days=_below(rng, 363)), row, part))
    postings.sort(key=lambda posting: posting[0])  # stable: postings of one day keep the plan's order
    rows = (
        (
            AGS_DORTMUND, str(FISCAL_YEAR), f"SYN{number:06}", _german_date(day), row["product_code"],
            row["product_name"], row["account_code"], row["account_name"], row["target_group"],
            _german_amount(cents), SYNTHETIC,
        )
        for number, (day, row, cents) in enumerate(postings, 1)
    )  # fmt: skip
    return _csv_bytes(LEDGER_HEADER, rows)


def register() -> bytes:
    """Synthetic persons by `facts/register_plan.csv`, with six broken rows among them."""
    rng = random.Random(int(AGS_DORTMUND))
    people = [
        (row["nationality_code"], row["situation"])
        for row in _facts("register_plan.csv")
        for _ in range(int(row["persons"]))
    ]
    _shuffle(rng, people)
    rows = [_person(rng, number, *person) for number, person in enumerate(people, 1)]
    broken = list(_broken_persons(rng, first_number=len(rows) + 1))
    for position, row in enumerate(broken, 1):
        # Spread over the file, so that a reader that stops at the first error is seen to.
        rows.insert(position * len(rows) // (len(broken) + 1), row)
    return _csv_bytes(REGISTER_HEADER, rows)


def pupil_list() -> bytes:
    """Synthetic children of a register and of lists of schools by `facts/pupil_list_plan.csv`, in two lists."""
    drawn, day, rows, listed, number = date(SCHOOL_DAY.year, 10, 31), SCHOOL_DAY, [], [], 0
    for row in _facts("pupil_list_plan.csv"):
        for _ in range(int(row["children"])):
            number += 1
            child, situation = f"SYNKIND{number:05}", row["situation"]
            born = date(day.year - int(row["age_years"]), 1 + number % 9, 1 + number % 28)
            moved_in = day + timedelta(days=5) if situation == "moved_in_after" else date(2020, 8, 1)
            moved_out = _german_date(day - timedelta(days=3)) if situation == "moved_out_before" else ""
            kind = "N" if situation == "secondary" else "H"
            if situation != "listed_alone":
                rows.append(
                    (_german_date(drawn), AGS_DORTMUND, "Melderegister", child, _german_date(born),
                     row["nationality_code"], _german_date(moved_in), moved_out, kind, SYNTHETIC)
                )  # fmt: skip
            times = {"matched": 1, "listed_alone": 1, "listed_twice": 2}.get(situation, 0)
            of_list = (_german_date(day), AGS_DORTMUND, "Schülerliste", child, "", "", "", "", "", SYNTHETIC)
            listed += [of_list] * times
    return _csv_bytes(PUPIL_HEADER, [*rows, *sorted(listed)])


def funding() -> bytes:
    """The programmes of `facts/programmes.csv` as a workbook, every cell text as German offices send it."""
    workbook_bytes = io.BytesIO()
    workbook = xlsxwriter.Workbook(workbook_bytes, {"in_memory": True, "strings_to_numbers": False})
    workbook.set_properties({"title": "Förderprogramme", "created": datetime(2024, 9, 17, tzinfo=UTC)})
    sheet = workbook.add_worksheet("Programme")
    with (FACTS / "programmes.csv").open(encoding="utf-8", newline="") as handle:
        for number, row in enumerate(csv.reader(handle, delimiter=";")):
            for column, text in enumerate(row):
                if text:
                    sheet.write_string(number, column, text)
    workbook.close()
    return _stored(workbook_bytes.getvalue())


def esf_bremen() -> bytes:
    """The synthetic operations of `facts/esf_bremen.csv` in the layout of Bremen's list, codes behind the table."""
    workbook_bytes = io.BytesIO()
    workbook = xlsxwriter.Workbook(workbook_bytes, {"in_memory": True, "default_date_format": "dd.mm.yyyy"})
    workbook.set_properties({"title": "Liste der Vorhaben", "created": datetime(2024, 9, 17, tzinfo=UTC)})
    sheet = workbook.add_worksheet("01_Projektliste_Vorhaben")
    for number, row in enumerate(_facts("esf_bremen.csv")):
        for column, text in enumerate(filter(None, row.values())):
            if number > ESF_HEADER and column in ESF_DATES:
                sheet.write_datetime(number, column, datetime.fromisoformat(text))
            elif number > ESF_HEADER and column in ESF_NUMBERS:
                sheet.write_number(number, column, float(text))
            else:
                sheet.write_string(number, column, text.replace("|", "\n"))
    workbook.close()
    return _stored(workbook_bytes.getvalue())


def esf_nrw() -> bytes:
    """The synthetic operations of `facts/esf_nrw.csv` in the layout of the list of North Rhine-Westphalia.

    Titles stand in three languages in rows 4, 6 and 8; dates, amounts, rate, postcode and category are numbers.
    """
    workbook_bytes = io.BytesIO()
    workbook = xlsxwriter.Workbook(workbook_bytes, {"in_memory": True, "default_date_format": "dd.mm.yyyy"})
    workbook.set_properties({"title": "Liste der Vorhaben", "created": datetime(2024, 9, 17, tzinfo=UTC)})
    sheet = workbook.add_worksheet("Tabelle1")
    for number, row in enumerate(_facts("esf_nrw.csv")):
        for column, text in enumerate(row.values()):
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                sheet.write_datetime(number, column, datetime.fromisoformat(text))
            elif column in NRW_NUMBERS and re.fullmatch(r"[\d.]+", text):
                sheet.write_number(number, column, float(text))
            elif text:
                sheet.write_string(number, column, text.replace("|", "\n"))
    workbook.close()
    return _stored(workbook_bytes.getvalue())


def genesis_reply() -> bytes:
    """Bulgarian and Romanian nationals of the state and its districts, by sex, from the bundled table of the AZR."""
    parts = ("variable_code", "variable_label", "variable_attribute_code", "variable_attribute_label")
    header = ["statistics_code", "statistics_label", "time_code", "time_label", "time"]
    header += [f"{slot}_{part}" for slot in (1, 2, 3) for part in parts]
    header += ["value", "value_unit", "value_variable_code", "value_variable_label"]
    lines = AZR_TABLE.read_text(encoding="iso-8859-1").split("__________")[0].splitlines()
    records = [fields for fields in (line.split(";") for line in lines) if fields[3:4] and fields[3] in REPLY_COUNTRIES]
    rows = []
    for day, region, name, country_code, country, *counts in records:
        if len(region) not in (2, 5) or region in DISSOLVED:
            continue
        place = ("DLAND", "Bundesländer") if len(region) == 2 else ("KREISE", "Kreise")
        for (sex, label), count in zip(REPLY_SEXES, counts, strict=True):
            rows.append(
                [
                    *("12521", "Ausländerstatistik", "STAG", "Stichtag", "-".join(reversed(day.split(".")))),
                    *(*place, region, name.strip()),
                    *("GES", "Geschlecht", sex, label),
                    *("STAAG5", "Staatsangehörigkeit", f"ST{country_code}", country.strip()),
                    *(count, "Anzahl", "X-AUSL", "Ausländische Bevölkerung"),
                ]
            )
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode("utf-8-sig")


def _person(rng: random.Random, number: int, nationality: str, situation: str) -> list[str]:
    """One row: every identifier is a token that no real register could hold."""
    born = date(1939, 1, 1) + timedelta(days=_below(rng, 80 * 365))
    earliest = max(born, date(1990, 1, 1) if nationality == GERMAN else date(2007, 1, 1))
    moved_in = earliest + timedelta(days=_below(rng, (date(2019, 6, 30) - earliest).days))
    moved_out = moved_in + timedelta(days=1 + _below(rng, (date(2019, 12, 1) - moved_in).days))
    token = f"{number:05}"
    return [
        _german_date(REFERENCE_DATE),
        AGS_DORTMUND,
        f"S{token}",
        "" if nationality in WITHOUT_AZR_NUMBER else f"AZR{token}",
        f"IDN{token}",
        f"SYNTHETISCH-{token}",
        f"VOR{token}",
        _german_date(born),
        "MW"[_below(rng, 2)] if _below(rng, 500) else "DX"[_below(rng, 2)],
        nationality,
        _german_date(moved_in),
        _german_date(moved_out) if situation == "moved_out" else "",
        "N" if situation == "secondary" else "AAAH"[_below(rng, 4)],
        SYNTHETIC,
    ]


def _broken_persons(rng: random.Random, first_number: int) -> Iterator[list[str]]:
    """Rows that break the contract, one kind each; most are Bulgarian or Romanian and must not count."""
    column = {name: position for position, name in enumerate(REGISTER_HEADER)}

    def broken(offset: int, nationality: str, name: str, value: str) -> list[str]:
        row = _person(rng, first_number + offset, nationality, "resident")
        row[column[name]] = value
        return row

    yield broken(0, "125", "Geburtsdatum", "31.02.1988")
    yield broken(1, "125", "Staatsangehörigkeit", "888")
    yield broken(2, "154", "Ordnungsmerkmal", "")
    surplus = _person(rng, first_number + 3, "125", "resident")
    yield [*surplus[:-1], "", surplus[-1]]
    yield broken(4, "154", "AGS", AGS_DORTMUND.lstrip("0"))
    yield broken(5, "154", "Wohnungsart", "Z")


def _split(rng: random.Random, cents: int, parts: int) -> list[int]:
    """`cents` in `parts` pieces of unlike size, about one in twelve a correction of the other sign."""
    corrections = [-cents * (1 + _below(rng, 5)) // (100 * parts) for _ in range(parts // 12)]
    weights = [40 + _below(rng, 160) for _ in range(parts - len(corrections))]
    pieces = [*_shares(cents - sum(corrections), weights), *corrections]
    _shuffle(rng, pieces)
    return pieces


def _shared_cents(plan: list[dict[str, str]]) -> int:
    """The group's part of what is booked for everybody: each amount times its share, rounded to the cent."""
    counts: dict[tuple[str, str], int] = {}
    with (BUNDLED / "reference_quantity" / QUANTITIES).open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter=";"):
            counts[QUANTITY_NAMES[row["Größe"]], row["Gruppe"]] = int(row["Anzahl"].replace(".", ""))
    shared = 0
    for row in plan:
        if row["share"]:
            part, whole = counts[row["share"], "EU2"], counts[row["share"], "alle"]
            shared += (2 * int(row["amount_eur"]) * 100 * part + whole) // (2 * whole)
    return shared


def _shares(total: int, weights: list[int]) -> list[int]:
    """Whole numbers in proportion to `weights` that sum to `total` exactly; the first takes what is left."""
    shares = [total * weight // sum(weights) for weight in weights]
    shares[0] += total - sum(shares)
    return shares


def _below(rng: random.Random, bound: int) -> int:
    # Only random() is promised to give the same sequence in every Python version.
    return int(rng.random() * bound)


def _shuffle(rng: random.Random, items: list) -> None:
    for last in range(len(items) - 1, 0, -1):
        other = _below(rng, last + 1)
        items[last], items[other] = items[other], items[last]


def _german_date(day: date) -> str:
    return day.strftime("%d.%m.%Y")


def _german_amount(cents: int) -> str:
    whole, fraction = divmod(abs(cents), 100)
    return f"{'-' * (cents < 0)}{whole:,}".replace(",", ".") + f",{fraction:02}"


def _facts(name: str) -> list[dict[str, str]]:
    with (FACTS / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _csv_bytes(header: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("iso-8859-1")


def _stored(archive: bytes) -> bytes:
    """The same zip without compression: deflate's output differs between zlib versions."""
    stored = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else it names the operating system that wrote it
            target.writestr(entry, source.read(name))
    return stored.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; return 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description="Write the bundled deliveries that are computed.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    is_check = parser.parse_args(arguments).check
    differing = [path for path, content in files().items() if not path.exists() or path.read_bytes() != content]
    for path in differing:
        name = path.relative_to(BUNDLED.parent.parent)
        if is_check:
            print(f"{name} is not what it would be written as: run python -m tests.make_bundled", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files()[path])
            print(f"wrote {name}")
    return 1 if is_check and differing else 0


if __name__ == "__main__":
    sys.exit(main())

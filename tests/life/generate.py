"""Three years of deliveries of every source for three cities, and what else happens to them: made up, row by row.

Each file is a bundled one with other years, places and amounts, so that it has the form that its contract asks for.
Rows are marked as synthetic wherever a file says what they are. What must come after what is written at each event.
"""

import io
import random
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from ingest import contracts
from tests.support import BUNDLED, MUNICIPALITY, bundled_bytes

SMALL, OWN_PRODUCTS = "05978028", "05911000"
JOINED = "05978999"
"""The key of the small city from the third year on: a change of territory (there is no such key)."""
CITIES = (MUNICIPALITY, SMALL, OWN_PRODUCTS)
YEARS = (2022, 2023, 2024)
PERSONS = {MUNICIPALITY: 40, SMALL: 12, OWN_PRODUCTS: 25}
ERASED = "S00003"
"""The identifier of the small city's person who is erased; in its files until the middle of the second year."""

DELIVER, CORRECT, DOUBLE, SAME_BYTES, WITHDRAW, ROTATE, ERASE = (
    "deliver", "correct", "double", "same_bytes", "withdraw", "rotate", "erase",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """Something that happens to the house; `after` are the names of events that reality puts before it."""

    name: str
    kind: str
    source: str = ""
    file_name: str = ""
    content: bytes = b""
    municipality: str = ""
    after: frozenset[str] = field(default_factory=frozenset)


def text_of(source: str, file_name: str | None = None) -> str:
    """A bundled file, by default the example."""
    content = (BUNDLED / source / file_name).read_bytes() if file_name else bundled_bytes(source)
    return content.decode(contracts.load(source).encoding)


def bytes_of(source: str, text: str) -> bytes:
    return text.encode(contracts.load(source).encoding)


def shuffled(events: list[Event], seed: int) -> list[Event]:
    """An order that reality allows; seed 0 is the one in which they were made."""
    if seed == 0:
        return list(events)
    chance, done, left, order = random.Random(seed), set(), list(events), []
    while left:
        ready = [event for event in left if event.after <= done]
        event = chance.choice(ready)
        left.remove(event)
        done.add(event.name)
        order.append(event)
    return order


def events(years: tuple[int, ...] = YEARS, sources: frozenset[str] | None = None) -> list[Event]:
    """What happens in these years, to all sources or some."""
    made = [event for event in _all(years) if sources is None or event.source in sources or not event.source]
    names = {event.name for event in made}
    return [event for event in made if event.after <= names]


def _all(years: tuple[int, ...]) -> Iterator[Event]:
    for year in years:
        yield from _yearly(year)
        for month in range(1, 13):
            yield _file("integration_course", f"integration_courses_{year}-{month:02}.csv", _courses(year, month))
        for quarter in range(1, 5):
            day = date(year, 3 * quarter, 31 if quarter in (1, 4) else 30)
            yield _file("foerderkatalog", f"foerderkatalog_{day}.csv", _catalogue(day))
            for city in CITIES:
                key = JOINED if city == SMALL and year == years[-1] and len(years) > 2 else city
                yield _file("register", f"register_{key}_{day}.csv", _register(city, key, day), key)
    yield from _incidents(years)


def _yearly(year: int) -> Iterator[Event]:
    n = year % 10
    plain = {
        "azr_nrw": (f"12521-03i_{year}.csv", {"31.12.2024": f"31.12.{year}"}),
        "ba_nationality": (f"ba_nationality_{year}.csv", {"31.12.2024": f"31.12.{year}", ";240.000;": f";24{n}.000;",
                                                          ";130.000;": f";13{n}.000;"}),
        "employment": (f"eu2_employees_{year}.csv", {"31.12.2019": f"31.12.{year}", "572.574": f"57{n}.574"}),
        "genesis": (f"12411-01-01-4_{year}_flat.csv", {"2024-12-31": f"{year}-12-31"}),
        # What these tables add up, round or divide still agrees with the numbers that are changed.
        "ldb_12411_15i": (f"12411-15i_{year}.csv", {"31.12.2024": f"31.12.{year}", ";18034454;": f";1803445{n};"}),
        "ldb_13111_54i": (f"13111-54i_{year}.csv", {
            "31.12.2024": f"31.12.{year}",
            ";197;7;26;50;63;51;30;95;25;47": f";19{n};7;26;50;63;{44 + n};30;95;25;4{n}",
        }),
        "ldb_22542_06i": (f"22542-06i_{year}.csv", {"\n2024;": f"\n{year};", ";12;19;9;75;": f";12;19;9;7{n};"}),
        "ldb_22811_01i": (f"22811-01i_{year}.csv", {";;2023\n": f";;{year}\n", "Stadt;17,5": f"Stadt;17,{n}"}),
        "ldb_22811_05i": (f"22811-05i_{year}.csv", {
            "\n2024;": f"\n{year};", ";381;516;381;": f";38{n};{515 + n};38{n};",
        }),
        "structure_tables": (f"structure_tables_{year}_tabelle.csv", {";2021;": f";{year};"}),
        "programme_measure": (f"programme_measures_{year}.csv", {"Bildungsbegleitung": f"Bildung {year}"}),
        "programme_result": (f"programme_results_{year}.csv", {"unter anderem rund": f"{year} rund"}),
        # A later document prints another share of the same survey.
        "survey_result": (f"survey_results_{year}.csv", {"58,9": f"58,{n}"}),
        "toleration": (f"tolerations_{year}.csv", {";2019;": f";{year};"}),
        "wegweiser": (f"wegweiser-nrw-beispiel_{year}.json", {"[2022, 2023]": f"[{year - 1}, {year}]",
                                                              "201300": str(201300 + year)}),
    }  # fmt: skip
    for source, (name, changes) in plain.items():
        text = text_of(source)
        for old, new in changes.items():
            assert old in text, (source, old)
            text = text.replace(old, new)
        yield _file(source, name, text)
    for table in ("12411-15I", "12511-X-1", "12531-0043", "13111-01-03-4"):
        yield _table(table, year)
    yield _file("early_education", f"early_education_{year}.csv", _day_care(year))
    yield _file("eu2_series", f"eu2_series_2007-{year}.csv", _series(year))
    yield _file("mikrozensus", f"12211_migration_2005-{year}_flat.csv", _census(year))
    yield _packed("funding", f"funding_programmes_{year}.xlsx", year)
    for state, ending in (("bayern", "csv"), ("berlin", "csv"), ("hessen", "csv"), ("sachsen", "csv")):
        lines = text_of(f"esf_{state}").rstrip("\n").split("\n")
        grown = "\n".join([*lines, *[lines[-1]] * (year - 2021)]) + "\n"
        yield _file(f"esf_{state}", f"esf_{state}_2014-{year}.{ending}", grown)
    for state in ("bremen", "nrw"):
        yield _packed(f"esf_{state}", f"esf_{state}_2014-{year}.xlsx", year)
    pupils = text_of("pupil_list").replace(".2024;", f".{year};", -1)
    yield _file("pupil_list", f"pupil_list_{MUNICIPALITY}_{year}-10-15.csv", pupils)
    for city in CITIES:
        yield from _of_city(city, year)


def _of_city(city: str, year: int) -> Iterator[Event]:
    def local(source: str, was: str, first: str) -> str:
        text = text_of(source).replace(was, city).replace(first, str(year))
        # One city has products of its own, which no mapping knows.
        return text.replace(";050101;", ";059901;").replace(";020101;", ";029901;") if city == OWN_PRODUCTS else text

    journal = local("ledger", MUNICIPALITY, "2019")
    lines = journal.splitlines(keepends=True)
    yield _file("ledger", f"ledger_{city}_{year}.csv", "".join(lines[: 60 if city == SMALL else 240]))
    yield _file("ledger_totals", f"ledger_totals_{city}_{year}.csv", local("ledger_totals", MUNICIPALITY, "2019"))
    quantities = text_of("reference_quantity").replace(MUNICIPALITY, city).replace("2019", str(year))
    yield _file("reference_quantity", f"reference_quantities_{city}_{year}.csv", quantities)
    plan = text_of("ledger_plan").replace("05315000", city).replace(";2020;", f";{year};")
    yield _file("ledger_plan", f"ledger_plan_{city}_{year}.csv", plan if year == YEARS[0] else _new_layout(plan))
    survey = text_of("mikrozensus_microdata").replace("\n2020;", f"\n{year};").splitlines(keepends=True)
    if city != OWN_PRODUCTS:  # two offices hold the survey of a year, one of them a state's part
        part = [line for line in survey[1:] if city == MUNICIPALITY or ";05;" in line]
        yield _file("mikrozensus_microdata", f"mikrozensus_{city}_{year}.csv", "".join([survey[0], *part]))
    head = text_of("funding_received").splitlines()[0]
    row = f"land_1;{city};{year};Land;ja;brutto;{year} EUR;{year};erfunden;S. 1;;synthetisch"
    yield _file("funding_received", f"funding_received_{city}_{year}.csv", f"{head}\n{row}\n")


def _new_layout(plan: str) -> str:
    """The budget as it is written from the second year on: the unit stands in the titles."""
    head, *rows = plan.splitlines()
    titles = head.split(";")
    unit = titles.index("Einheit")
    titles = [f"{t} (T€)" if re.match("Ergebnis|Ansatz", t) else t for n, t in enumerate(titles) if n != unit]
    kept = [";".join(cell for n, cell in enumerate(row.split(";")) if n != unit) for row in rows]
    return "\n".join([";".join(titles), *kept]) + "\n"


def _table(table: str, year: int) -> Event:
    """A table of GENESIS; one of several years comes again with years that it had before, and other values of them."""
    (example,) = (path.name for path in (BUNDLED / "genesis").glob(f"{table}_*"))
    moved = year - 2024 if table != "13111-01-03-4" else year - 2025
    years, times = r"(?<=[_-])20\d\d(?=[_-])", r"(?<=;)20\d\d(?=;|-\d\d-\d\d;)"

    def move(text: str, pattern: str) -> str:
        return re.sub(pattern, lambda found: str(int(found[0]) + moved), text)

    return _file("genesis", move(example, years), move(text_of("genesis", example), times))


def _day_care(year: int) -> str:
    """Printed shares of the years before, and counts of this year and of the last, which say something else now."""
    printed = text_of("early_education").replace(";2020;", f";{year - 2};").replace(";2021;", f";{year - 1};")
    counts = text_of("early_education", "early_education_2024.csv").split("\n", 1)[1]
    counts = counts.replace("16.000", f"16.{year % 10}00")
    for last in (year - 1, year):
        printed += re.sub(r"(?<=[;.])202[34](?=;)", lambda found, moved=last - 2024: str(int(found[0]) + moved), counts)
    return printed


def _series(last: int) -> str:
    rows = [
        f"31.12.{y};00;;;1.{200 + y - 2000}.000;;;Tab. 1;erfunden, bis {last};synthetisch"
        for y in range(2020, last + 1)
    ]
    return text_of("eu2_series").rstrip("\n") + "\n" + "\n".join(rows) + "\n"


def _census(last: int) -> str:
    lines = text_of("mikrozensus").rstrip("\n").split("\n")
    of_2020 = [line for line in lines if ";Jahr;2020;" in line]
    more = [line.replace(";Jahr;2020;", f";Jahr;{y};") for y in range(2021, last + 1) for line in of_2020]
    return "\n".join([*lines, *more]) + "\n"


def _courses(year: int, month: int) -> str:
    head = text_of("integration_course").splitlines()[0]
    row = (
        f"00;{year};im Monat;{year}-{month:02};Kurse;{1000 + month} Kurse;{1000 + month};wie gedruckt;;erfunden;S. 1;;"
    )
    return f"{head}\n{row}synthetisch\n"


def _catalogue(day: date) -> str:
    """A list that grows, and loses its second grant in the third year."""
    head, *rows = text_of("foerderkatalog").rstrip("\n").split("\n")
    rows = rows[:1] if day.year == YEARS[-1] else rows
    number = (day.year - YEARS[0]) * 4 + day.month // 3
    more = [
        rows[0].replace("SYN00001", f"SYN1{n:04}").replace("1.234.567,89", f"{50 + n}.000,00") for n in range(number)
    ]
    return "\n".join([head, *rows, *more]) + "\n"


def _register(city: str, key: str, day: date) -> str:
    head, example = text_of("register").splitlines()[:2]
    written, rows = f"{day:%d.%m.%Y}", []
    for n in range(1, PERSONS[city] + 1):
        identifier = f"S{n:05}"
        if identifier == ERASED and city == SMALL and day > date(YEARS[1], 6, 30):
            continue  # left, and asked to be forgotten
        if n % 7 == 0 and day.month > 6:
            continue  # comes and goes
        nation = "154" if n % 3 else "125"
        row = example.split(";")
        row[0], row[1], row[2], row[4] = written, key, identifier, f"IDN{n:05}"
        row[5:8] = [f"SYNTHETISCH-{n:05}", f"VOR{n:05}", f"{1 + n % 27:02}.0{1 + n % 9}.19{60 + n % 40}"]
        row[8], row[9] = "MW"[n % 2], nation
        rows.append(";".join(row))
    return "\r\n".join([head, *rows, ""])


def _file(source: str, name: str, text: str, municipality: str = "") -> Event:
    return Event(name, DELIVER, source, name, bytes_of(source, text), municipality)


def _packed(source: str, name: str, year: int) -> Event:
    """A workbook with the rows of the bundled one and other bytes."""
    book = io.BytesIO(bundled_bytes(source))
    with zipfile.ZipFile(book, "a") as archive:
        archive.comment = f"as of {year}".encode()
    return Event(name, DELIVER, source, name, book.getvalue())


def _incidents(years: tuple[int, ...]) -> Iterator[Event]:
    """Corrections, a file twice, the same bytes for another period, a withdrawal, a rotation, an erasure."""
    first, last = years[0], years[-1]
    for source, name, text in (
        ("eu2_series", f"eu2_series_2007-{first}.csv", _series(first).replace("131.402", "131.499")),
        ("employment", f"eu2_employees_{last}.csv", text_of("employment").replace("31.12.2019", f"31.12.{last}")),
        ("ledger", f"ledger_{MUNICIPALITY}_{last}.csv",
         text_of("ledger").replace("2019", str(last)).replace("20.009,06", "21.009,06")),
        ("foerderkatalog", f"foerderkatalog_{last}-12-31.csv",
         _catalogue(date(last, 12, 31)).replace("1.234.567,89", "1.234.567,88")),
        ("register", f"register_{OWN_PRODUCTS}_{first}-06-30.csv",
         _register(OWN_PRODUCTS, OWN_PRODUCTS, date(first, 6, 30)).replace(";154;", ";125;", 1)),
    ):  # fmt: skip
        yield Event(f"{name} corrected", CORRECT, source, name, bytes_of(source, text), after=frozenset({name}))
    for name in (f"programme_measures_{first}.csv", f"foerderkatalog_{first}-03-31.csv"):
        source = "programme_measure" if name.startswith("programme") else "foerderkatalog"
        content = next(e.content for y in (first,) for e in _originals(y) if e.name == name)
        yield Event(f"{name} again", DOUBLE, source, name, content, after=frozenset({name}))
    list_name = f"esf_hessen_2014-{first}.csv"
    content = next(e.content for e in _originals(first) if e.name == list_name)
    yield Event("a list for another period", SAME_BYTES, "esf_hessen", "esf_hessen_2028-2034.csv", content,
                after=frozenset({list_name}))  # fmt: skip
    wrong = _file(
        "programme_result", "programme_results_2031.csv", text_of("programme_result").replace("3.000;", "3.001;")
    )
    yield wrong
    yield Event("withdrawn", WITHDRAW, "programme_result", wrong.file_name, after=frozenset({wrong.name}))
    registers = [f"register_{MUNICIPALITY}_{first}-03-31.csv"]
    yield Event("rotated", ROTATE, "register", municipality=MUNICIPALITY, after=frozenset(registers))
    holding = [
        f"register_{SMALL}_{year}-{end}.csv"
        for year in years
        for end in ("03-31", "06-30", "09-30", "12-31")
        if date.fromisoformat(f"{year}-{end}") <= date(YEARS[1], 6, 30)
    ]
    yield Event("erased", ERASE, "register", municipality=SMALL, after=frozenset(holding))


def _originals(year: int) -> Iterator[Event]:
    yield from _yearly(year)
    for quarter in range(1, 5):
        day = date(year, 3 * quarter, 31 if quarter in (1, 4) else 30)
        yield _file("foerderkatalog", f"foerderkatalog_{day}.csv", _catalogue(day))

"""Marts with more rows than are held: all of them in Parquet beside a sample, and nothing said of the sample alone."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from python_calamine import CalamineWorkbook

from extracts import attribution, contents, dcat, marts, package, quality, signing, tables, verify
from extracts.changes import NOTHING
from extracts.contents import Contents
from extracts.marts import Column, Mart
from extracts.model import Recipient
from extracts.parquet import _decimals, write_parquet
from extracts.texts import Texts
from extracts.workbook import topics
from extracts.writing import Written, write_package
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT, Settings
from tests import conftest
from tests.extracts import large
from tests.extracts.releases import MINISTRY, release, republish
from tests.extracts.test_release_metadata import _problems
from tests.extracts.test_workbook import contents as made_up

SAMPLE = 100
"""Rows that are held here; the bundled deliveries give several marts more, and most fewer."""
DORTMUND = dataclasses.replace(MINISTRY, places=("05913",))


@contextmanager
def gathered(settings: Settings, number: int = 1, recipient: Recipient = MINISTRY) -> Iterator[Contents]:
    """The contents of a publication, while the connection that they were read by is open."""
    wanted = package.load()
    with database.connect(settings, database.BUILDER, autocommit=True) as builder, marts.reader(settings) as connection:
        attributed = partial(attribution.of_publication, builder, settings, wanted, attribution.NOTHING_STATED)
        told = contents.gather(connection, wanted, number, attributed, recipient=recipient)
        yield dataclasses.replace(told, about=dataclasses.replace(made_up().about, recipient=recipient))


def written(settings: Settings, folder: Path, number: int = 1, recipient: Recipient = MINISTRY) -> dict[str, Written]:
    folder.mkdir(parents=True)
    with gathered(settings, number, recipient) as told:
        return write_package(told, folder)


def as_in_csv(table: pa.Table) -> bytes:
    """The rows of a Parquet file as a CSV would have them, but for the formulas that it defuses."""
    lines = [";".join(tables.cell(name) for name in table.column_names)]
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    lines += [";".join(map(tables.cell, row)) for row in rows]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8-sig")


@pytest.fixture(scope="module")
def published(cluster: Settings, publication: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Publication 1 of the bundled deliveries; for tests that read alone."""
    with conftest._fresh_database(cluster, conftest.PUBLISHED) as name:
        yield conftest._own_folders(conftest.on_database(cluster, name), tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="module")
def sampled(published: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The package of the bundled deliveries, whole, and with few rows held."""
    folder = tmp_path_factory.mktemp("packages")
    whole, sample = folder / "whole", folder / "sample"
    written(published, whole)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(marts, "HELD_ROWS", SAMPLE)
        written(published, sample)
    return whole, sample


def test_a_large_mart_is_whole_in_parquet_and_its_csv_is_the_beginning(sampled):
    whole, sample = sampled
    larger = {path.stem for path in sample.glob("daten/*.parquet")}
    assert larger == {"employment", "minimum_income", "mikrozensus_estimate", "provenance"}
    assert not list(whole.glob("daten/*.parquet"))
    for path in whole.glob("daten/*.csv"):
        data = path.read_bytes()
        beginning = b"\r\n".join(data.split(b"\r\n")[: SAMPLE + 1]) + b"\r\n"
        assert (sample / "daten" / path.name).read_bytes() == (beginning if path.stem in larger else data), path.name
        if path.stem in larger:
            assert as_in_csv(parquet.read_table(sample / "daten" / f"{path.stem}.parquet")) == data


def test_parquet_has_exact_types_statuses_and_what_its_columns_mean(sampled):
    _, sample = sampled
    file = parquet.ParquetFile(sample / "daten" / "employment.parquet")
    types = {field.name: field.type for field in file.schema_arrow}
    assert not [name for name, kind in types.items() if pa.types.is_floating(kind)]
    assert types["share_of_employees_pct"].scale == 2 and pa.types.is_decimal128(types["share_of_employees_pct"])
    assert (types["reference_date"], types["persons"]) == (pa.date32(), pa.int64())
    assert types["source_region_code"] == types["persons_status"] == pa.string()
    field = file.schema_arrow.field("persons")
    assert field.metadata[b"description"].startswith(b"Sozialversicherungspflichtig") and field.metadata[b"title"]
    assert file.schema_arrow.metadata[b"publication"] == b"1"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    paths = parquet.read_table(sample / "daten" / "provenance.parquet")["node_path"].to_pylist()
    assert any("/" in path for path in paths) and not [path for path in paths if "." in path]


def test_the_package_says_which_file_is_a_sample_and_which_has_all(sampled):
    whole_package, sample = sampled
    resources = {
        one["name"]: one for one in json.loads((sample / "datapackage.json").read_text(encoding="utf-8"))["resources"]
    }
    csv, whole = resources["employment"], resources["employment.parquet"]
    assert (csv["lagebild"]["rows"], whole["lagebild"]["rows"]) == (SAMPLE, 150)
    said = "die ersten 100 von 150 Zeilen"
    assert said in csv["title"] and "alle 150 Zeilen" in whole["title"]
    assert f"Stichprobe: {said}; vollständig in daten/employment.parquet" in csv["description"]
    readme = (sample / "LIESMICH.txt").read_text(encoding="utf-8")
    assert "daten/employment.parquet" in readme and said in " ".join(readme.split())
    assert "mehr als 100 Zeilen" in readme
    assert "Parquet" not in (whole_package / "LIESMICH.txt").read_text(encoding="utf-8")
    assert f"(Stichprobe: {said})" in (sample / "dcat-ap-de.ttl").read_text(encoding="utf-8")
    book = CalamineWorkbook.from_path(str(sample / "lagebild.xlsx"))
    listed = {row[0]: row[1] for row in book.get_sheet_by_name("Inhalt").to_python()}
    (sheet,) = [name for name, title in listed.items() if title == f"Alle Spalten: Beschäftigung ({said})"]
    first = [str(cell) for row in book.get_sheet_by_name(sheet).to_python()[:6] for cell in row]
    assert f"D{said[1:]}; vollständig in daten/employment.parquet." in first
    assert _problems(sample) == set()


def test_the_same_contents_give_the_same_bytes_and_checksums_that_hold(sampled, published, tmp_path, monkeypatch):
    _, sample = sampled
    monkeypatch.setattr(marts, "HELD_ROWS", SAMPLE)
    again = written(published, tmp_path / "again")
    for name, one in again.items():
        data = (sample / name).read_bytes()
        assert (tmp_path / "again" / name).read_bytes() == data, name
        assert one == Written(len(data), hashlib.sha256(data).hexdigest())
    assert set(again) == {path.relative_to(sample).as_posix() for path in sample.rglob("*") if path.is_file()}
    command = ["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=sample, check=False).returncode == 0


def test_a_folder_that_holds_something_is_not_written_into(sampled, published):
    _, sample = sampled
    with gathered(published) as told, pytest.raises(FileExistsError):
        write_package(told, sample)


def test_a_release_reads_large_marts_while_its_connection_is_open_and_verifies(published_warehouse, monkeypatch):
    monkeypatch.setattr(marts, "HELD_ROWS", SAMPLE)
    folder = release(published_warehouse, 1, "ministry", "Haushalt")
    verdict = verify.package(folder, signing.public_keys(published_warehouse.keys))
    assert verdict.is_good, verdict.problems
    assert parquet.read_metadata(folder / "daten" / "employment.parquet").num_rows == 150
    assert release(published_warehouse, 1, "ministry", "Haushalt") == folder
    assert [path.name for path in folder.parent.iterdir()] == ["ministry"]


# --- what is said of a whole mart -------------------------------------------------------------------------------------


def statements(settings: Settings, number: int) -> dict[str, Any]:
    """What a package says of whole marts."""
    with gathered(settings, number) as told, marts.reader(settings) as connection:
        sections = quality.of(connection, told.publication, told.marts, MINISTRY, NOTHING, {}, Texts("de"))
        synthetic = contents.gather(connection, told.package, number, lambda _: {}).about.is_synthetic
        return {
            "synthetic": synthetic,
            "captions": {mart.entry.name: sorted(told.captions(mart.entry)) for mart in told.marts},
            "beside": {mart.entry.name: sorted(topics.captions(told, mart)) for mart in told.marts},
            "places": dcat.places(told),
            "topics": [(topic.mart, chosen) for topic, _, chosen in topics.of(told)],
            "quality": sections,
            "rows": {mart.entry.name: mart.row_count for mart in told.marts},
        }


def blind(self: Mart, *names: str) -> list[tuple]:
    """`Mart.distinct` of who looks at the rows at hand alone."""
    return list(dict.fromkeys(zip(*map(self.values, names), strict=False)))


@pytest.fixture
def varied(published_warehouse: Settings) -> int:
    """A publication in which later rows of the costs differ from the first: another caption, made up, another share."""
    columns = [name for name in large.columns("cost_per_person") if name != "municipality_ags"]
    changed = {
        "caption_de": "'Anders.'",
        "caption_en": "'Different.'",
        "evidence": "'synthetic'",
        "unmapped_pct": "99",
    }
    insert = (
        f"insert into {{table}} (content_id, municipality_ags, {', '.join(columns)}) select {{content}}, '99999999',"
        f" {', '.join(changed.get(name, name) for name in columns)} from {{table}} where content_id = {{content}}"
    )
    return republish(published_warehouse, {"cost_per_person": [insert]})


def test_what_is_said_of_a_mart_does_not_depend_on_how_many_rows_are_held(published_warehouse, varied, monkeypatch):
    known = statements(published_warehouse, varied)
    assert known["captions"]["cost_per_person"].count("Anders.") == 1 and "99" in str(known["quality"])
    monkeypatch.setattr(marts, "HELD_ROWS", 1)
    assert statements(published_warehouse, varied) == known
    monkeypatch.setattr(Mart, "distinct", blind)
    wrong = statements(published_warehouse, varied)
    assert {name for name in known if wrong[name] != known[name]} >= {"captions", "beside", "places", "quality"}
    read_mart = marts.mart
    monkeypatch.setattr(marts, "mart", lambda *values: dataclasses.replace(read_mart(*values), whole=None))
    wrong = statements(published_warehouse, varied)
    assert {name for name in known if wrong[name] != known[name]} >= {"topics", "rows"}


def test_a_made_up_row_behind_those_at_hand_marks_the_package(published_warehouse, varied, monkeypatch):
    only = dataclasses.replace(package.load(), marts=(package.load().marts[0],))
    monkeypatch.setattr(marts, "HELD_ROWS", 1)
    with marts.reader(published_warehouse) as connection:
        assert contents.gather(connection, only, varied, lambda _: {}).about.is_synthetic
        assert not contents.gather(connection, only, 1, lambda _: {}).about.is_synthetic
        monkeypatch.setattr(Mart, "distinct", blind)
        assert not contents.gather(connection, only, varied, lambda _: {}).about.is_synthetic


def test_a_row_without_caption_behind_those_at_hand_is_not_released(published_warehouse, varied, monkeypatch):
    number = republish(
        published_warehouse,
        {"cost_per_person": ["update {table} set caption_en = null where content_id = {content}"
                             " and municipality_ags = '99999999'"]},
    )  # fmt: skip
    monkeypatch.setattr(marts, "HELD_ROWS", 1)
    with pytest.raises(UserError, match="has rows without caption_en"), gathered(published_warehouse, number):
        pass


def test_the_values_of_a_mart_are_those_of_all_its_rows(published, monkeypatch):
    with marts.reader(published) as connection:
        whole = [marts.mart(connection, entry, 1) for entry in package.load().marts]
        monkeypatch.setattr(marts, "HELD_ROWS", 3)
        for mart in whole:
            part = marts.mart(connection, mart.entry, 1)
            assert part.is_sample == (len(mart.rows) > 3) and part.row_count == len(mart.rows)
            assert part.rows == mart.rows[:3]
            assert [row for block in part.batches(7) for row in block] == list(mart.rows)
            for column in mart.columns:
                assert set(part.distinct(column.name)) == {(value,) for value in mart.values(column.name)}
                assert part.distinct(column.name)[:1] == [(value,) for value in part.values(column.name)[:1]]
            assert part.distinct("no_such_column") == part.distinct("publication_id", "no_such_column") == []


# --- a recipient's places ---------------------------------------------------------------------------------------------


def test_a_recipient_of_places_receives_their_rows_alone(published, monkeypatch):
    held = marts.HELD_ROWS
    with marts.reader(published) as connection:
        for entry in package.load().marts:
            monkeypatch.setattr(marts, "HELD_ROWS", held)
            every = marts.mart(connection, entry, 1)
            own = next((name for name in marts.PLACES if name in {column.name for column in every.columns}), None)
            expected = [
                row
                for row, place in zip(every.rows, every.values(own) if own else [None] * every.row_count, strict=True)
                if own is None or (place or "").startswith("05913")
            ]
            for rows in (held, 1):
                monkeypatch.setattr(marts, "HELD_ROWS", rows)
                mart = marts.mart(connection, entry, 1, DORTMUND)
                assert (mart.row_count, list(mart.rows)) == (len(expected), expected[:rows]), entry.name
                assert [row for block in mart.batches() for row in block] == expected


def test_the_package_of_a_recipient_speaks_of_its_places_alone(published):
    with gathered(published, recipient=DORTMUND) as told:
        # Its costs are extrapolated to the country.
        assert [place.rpartition("/")[2] for place in dcat.places(told)] == ["DEU", "05913000"]
        counts = {mart.entry.name: mart.row_count for mart in told.marts}
    assert counts["cost_per_person"] == 1 and 0 < counts["eu2_population"] < 73
    assert counts["indicator_gap"] == 55  # of no place: whole


# --- exact values -----------------------------------------------------------------------------------------------------

TINY = Mart(
    package.MartEntry("tiny", {"de": "Klein", "en": "Tiny"}, ("municipality_ags",), None),
    "About it.",
    (
        Column("municipality_ags", "text", None, "Key."),
        Column("amount_eur", "number", 2, ""),
        Column("rate", "number", None, "Without a declared scale."),
        Column("counted_on", "date", None, ""),
        Column("read_at", "datetime", None, ""),
        Column("is_total", "boolean", None, ""),
        Column("reason", "text", None, ""),
    ),
    (
        ("05913000", Decimal("15639763.10"), Decimal("0.1234567890123456789"), date(2019, 12, 31),
         datetime(2026, 2, 5, 22, 30, tzinfo=UTC), True, None),
        ("05112000", None, Decimal("1200.50"), None, None, None, "rate_too_coarse"),
    ),
)  # fmt: skip


def read(mart: Mart, path: Path) -> pa.Table:
    write_parquet(made_up(marts=(mart,)), mart, path)
    return parquet.read_table(path)


def test_values_come_back_as_what_they_were(tmp_path):
    table = read(TINY, tmp_path / "tiny.parquet")
    types = dict(zip(table.column_names, table.schema.types, strict=True))
    assert types["amount_eur"] == pa.decimal128(38, 2) and types["rate"] == pa.decimal128(38, 19)
    assert types["read_at"] == pa.timestamp("us", tz="UTC") and types["is_total"] == pa.bool_()
    first, second = table.to_pylist()
    assert {name: first[name] for name in ("municipality_ags", "amount_eur", "rate", "counted_on")} == dict(
        zip(("municipality_ags", "amount_eur", "rate", "counted_on"), TINY.rows[0], strict=False)
    )
    assert first["read_at"] == TINY.rows[0][4] and first["is_total"] is True
    # The reason tells no rule, and the status is the CSV's.
    assert (second["amount_eur"], second["amount_eur_status"], second["reason"]) == (
        None,
        "confidential",
        "confidential",
    )
    assert table.schema.field("rate").metadata[b"description"] == b"Without a declared scale."


@pytest.mark.parametrize("text", ["123456789012345678901234567890.123456789012", "-0.5", "0.00", "1E+3"])
def test_a_number_without_declared_scale_is_exact_however_long(tmp_path, text):
    rows = tuple((*row[:2], Decimal(text), *row[3:]) for row in TINY.rows)
    table = read(dataclasses.replace(TINY, rows=rows), tmp_path / "tiny.parquet")
    assert table["rate"].to_pylist() == [Decimal(text)] * 2


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), Decimal("0.125")])
def test_a_number_that_no_decimal_holds_is_refused(tmp_path, number):
    rows = tuple((row[0], number, *row[2:]) for row in TINY.rows)  # the last has more decimals than its column says
    with pytest.raises(UserError, match=r"tiny\.amount_eur holds a number that Parquet cannot hold exactly"):
        read(dataclasses.replace(TINY, rows=rows), tmp_path / "tiny.parquet")


def test_digits_are_counted_by_the_database_as_by_hand(published, monkeypatch):
    with marts.reader(published) as connection:
        for name in ("indicator", "territorial_series"):
            entry = next(one for one in package.load().marts if one.name == name)
            monkeypatch.setattr(marts, "HELD_ROWS", 1)
            whole = marts.mart(connection, entry, 1).whole
            assert whole
            names = [column.name for column in whole.columns if column.kind == "number" and column.scale is None]
            monkeypatch.setattr(marts, "HELD_ROWS", 20_000)
            mart = marts.mart(connection, entry, 1)
            assert names and whole.digits(names) == _decimals(mart, names)


# --- memory -----------------------------------------------------------------------------------------------------------


def peak_mb(settings: Settings, folder: Path, number: int, *options: str) -> float:
    """Memory that writing the package takes at most, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.release", "--write", folder, "--publication", str(number), *options]
    done = subprocess.run(command, env=settings.variables(), cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["peak_mb"]


def test_memory_does_not_grow_with_the_rows(published_warehouse, tmp_path):
    few, many = (large.repeated(published_warehouse, rows) for rows in (10_000, 90_000))
    options = ("--held-rows", "1000", "--group-rows", "4000")
    less, more = (peak_mb(published_warehouse, tmp_path / f"{n}", n, *options) for n in (few, many))
    assert more < less + 25
    # A writer that held all rows would be seen.
    assert peak_mb(published_warehouse, tmp_path / "held", many, "--held-rows", "1000000") > less + 50


@pytest.mark.nightly
@pytest.mark.long
def test_a_million_rows_take_no_more_memory_than_fifty_thousand(published_warehouse, tmp_path):
    few, many = (large.repeated(published_warehouse, rows) for rows in (50_000, 950_000))
    less, more = (peak_mb(published_warehouse, tmp_path / f"{n}", n) for n in (few, many))
    assert more <= less + 150
    assert parquet.read_metadata(tmp_path / f"{many}" / "daten" / f"{large.MART}.parquet").num_rows == 1_000_150

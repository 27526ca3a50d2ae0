"""No mart leaves the protection out: what is made of persons or of few units is read beside its domain's cells.

A rule on dbt's manifest, as a build writes it; and a test of the readers' relations for names of what is not theirs.
"""

import json
import re
import zipfile

from extracts import reports
from ingest import contracts
from lagebild.core import database
from lagebild.core.settings import DBT_PROJECT
from lagebild.warehouse import marts, transform
from tests.extracts.releases import release
from tests.support import query

PROTECTED = {
    "grant": ("stg_esf__operation", "stg_foerderkatalog__project"),
    "register": ("stg_register__person",),
    "school": ("stg_pupil_list__count",),
    "survey": ("stg_mikrozensus_microdata__person",),
}
"""Domain -> staging models of rows that are persons, or amounts of few units; cells: `int_disclosure__<it>_cell`."""
CELL = "int_disclosure__cell"


def cells_of(domain: str) -> str:
    return f"int_disclosure__{domain}_cell"


def unprotected(manifest: dict, protected: dict[str, tuple[str, ...]]) -> list[str]:
    """Marts for readers that are made of protected rows and lack the declaration or the cells among their ancestors."""
    names = {unique_id: node["name"] for unique_id, node in manifest["nodes"].items()}

    def ancestors(unique_id: str) -> set[str]:
        found, waiting = set(), [unique_id]
        while waiting:
            parents = set(manifest["parent_map"].get(waiting.pop(), ())) - found
            found |= parents
            waiting += parents
        return {names[parent] for parent in found if parent in names}

    cells = next(unique_id for unique_id, name in names.items() if name == CELL)
    found = []
    for unique_id, node in manifest["nodes"].items():
        meta = node["config"].get("meta", {})
        if node["resource_type"] != "model" or meta.get("audience") != "marts":
            continue
        before = ancestors(unique_id)
        of = {domain for domain, models in protected.items() if before & set(models)}
        if of != set(meta.get("disclosure", ())):
            found.append(f"{node['name']}: meta.disclosure must be {sorted(of)}")
        found += [
            f"{node['name']}: {cells_of(domain)} is not among its ancestors"
            for domain in of
            if cells_of(domain) not in before
        ]
    return sorted(found) + [
        f"{CELL}: nothing of {domain}" for domain in protected if cells_of(domain) not in ancestors(cells)
    ]


def test_macro_of_one_list_takes_periods_as_the_contracts_do():
    lists = {
        source: contracts.load(source) for source in contracts.sources() if re.match("esf_|foerderkatalog", source)
    }
    assert lists.pop("foerderkatalog").periods == contracts.LATEST
    assert lists and {contract.periods for contract in lists.values()} == {contracts.LONGEST}
    # of two years each, so that years compare as text
    assert all(r"(?P<period>\d{4}-\d{4})" in contract.file_name.pattern for contract in lists.values())


def test_every_mart_of_protected_rows_has_the_cells_among_its_ancestors(published_warehouse):
    manifest = json.loads(transform.manifest_path(published_warehouse).read_text())
    assert unprotected(manifest, PROTECTED) == []


def test_a_mart_without_them_is_found():
    def model(name: str, **meta: object) -> dict:
        return {"name": name, "resource_type": "model", "config": {"meta": meta}}

    nodes = {
        "rows": model("rows"),
        "others": model("others"),
        "all": model(CELL),
        "cells": model(cells_of("grant")),
        "sound": model("sound", audience="marts", disclosure=["grant"]),
        "undeclared": model("undeclared", audience="marts"),
        "open": model("open", audience="marts", disclosure=["grant"]),
        "needless": model("needless", audience="marts", disclosure=["grant"]),
        "internal": model("internal", audience="marts_internal"),
    }
    parents = {
        **{
            "all": ["cells"],
            "cells": ["rows"],
            "sound": ["cells"],
            "undeclared": ["cells"],
            "open": ["rows"],
            "internal": ["rows"],
        },
        **{"needless": ["others"]},
    }
    assert unprotected({"nodes": nodes, "parent_map": parents}, {"grant": ("rows",), "register": ("others",)}) == [
        "needless: int_disclosure__register_cell is not among its ancestors",
        "needless: meta.disclosure must be ['register']",
        "open: int_disclosure__grant_cell is not among its ancestors",
        "undeclared: meta.disclosure must be ['grant']",
        "int_disclosure__cell: nothing of register",
    ]


def internal_names() -> str:
    """A pattern of every model that readers have no relation of."""
    readers = {mart.name for mart in marts.definitions() if mart.schema == "marts"}
    models = {path.stem for path in (DBT_PROJECT / "models").rglob("*.sql")} - readers
    assert {"eu2_population_unmasked", "sensitivity_cost_per_person", CELL} <= models
    return rf"\m({'|'.join(sorted(models))}|(int|stg)_[a-z0-9]+__[a-z0-9_]+)\M"


def test_readers_learn_no_name_of_what_is_not_theirs(published_warehouse, monkeypatch):
    pattern = internal_names()
    # what a build says when it sets a delivery aside is the name of a test or model
    query(
        published_warehouse,
        "insert into raw.build_set_aside (build_id, source, period, delivery_id, failed_build, reason)"
        " select build_id, source, period, delivery_id, build_id, 'unique_int_cost__rate' from raw.build_input limit 1"
        " returning 1",
    )
    relations = query(published_warehouse, "select relname from pg_class where relnamespace = 'marts'::regnamespace")
    said = {}
    for (relation,) in relations:
        said[relation] = query(
            published_warehouse,
            f"select r::text from marts.{relation} as r where r::text ~ %s limit 1",
            pattern,
            role=database.BI_READER,
        )
    assert "publication_source" in said and not any(said.values()), {r: rows for r, rows in said.items() if rows}
    comments = query(
        published_warehouse,
        "select c.relname, d.description from pg_description as d inner join pg_class as c on d.objoid = c.oid"
        " where c.relnamespace = 'marts'::regnamespace and d.description ~ %s",
        pattern,
    )
    assert comments == []
    # the house reads all of it
    inside = "select distinct mart from marts_internal.publication_source where mart ~ %s order by 1"
    assert query(published_warehouse, inside, pattern, role=database.STATISTICS_OFFICE) == [
        ("district_concentration",),
        ("eu2_population_unmasked",),
        ("resident_composition",),
        ("school_coverage",),
        ("sensitivity_cost_per_person",),
    ]
    said: list[str] = []
    compiled = reports._compiled
    monkeypatch.setattr(reports, "_compiled", lambda *told: said.append(str(told[1])) or compiled(*told))
    package = release(published_warehouse)
    assert len(said) == 2
    python_pattern = re.compile(pattern.replace(r"\m", r"\b").replace(r"\M", r"\b"))
    assert python_pattern.search("".join(said)) is None  # what the reports print
    for file in (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pdf"):
        found = python_pattern.search(_text(file))
        assert found is None, (file.name, found)


def _text(file) -> str:
    """What a file of a package says; of a workbook every sheet and text in it."""
    if file.suffix != ".xlsx":
        return file.read_text(encoding="utf-8-sig")
    with zipfile.ZipFile(file) as book:
        return "\n".join(book.read(name).decode("utf-8") for name in book.namelist() if name.endswith(".xml"))

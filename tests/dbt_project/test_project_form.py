"""The form of the dbt project: what can be told from its files alone, without dbt and without a database.

Each rule is a function that returns what breaks it, and is tested twice: the project breaks none,
and a small offender of its own is found.
"""

import csv
import re
import statistics
from functools import cache
from pathlib import Path

import pytest

from ingest import contracts
from lagebild.core import yaml_files
from lagebild.core.settings import DBT_PROJECT, ROOT

MODELS = DBT_PROJECT / "models"
SQL_FILES = sorted(MODELS.rglob("*.sql"))
MACROS = sorted((DBT_PROJECT / "macros").rglob("*.sql"))
NODES = MODELS / "intermediate" / "provenance" / "node"
"""Models of the nodes of trees: they explain the figures of marts, and are parts of the statement of `provenance`."""
DOC_BLOCK = re.compile(r"\{%-?\s*docs\s+(\w+)\s*-?%\}")
DOC_CALL = re.compile(r"""\{\{\s*doc\(["'](\w+)["']\)\s*\}\}""")


@cache
def declared() -> dict[str, dict]:
    """Every model entry of the YAML files, by model name."""
    files = [yaml_files.read(file) for file in sorted(MODELS.rglob("*.yml"))]
    return {model["name"]: model for file in files for model in file.get("models", [])}


@cache
def node_columns() -> str:
    """The columns that all models of nodes share, as their macro has them."""
    macro = (DBT_PROJECT / "macros" / "provenance.sql").read_text()
    return re.search(r"macro node_columns\(\) -%\}\n(.*?)\n\{%-", macro, re.S).group(1)


def final_columns(sql: str) -> list[str]:
    """Output columns of the CTE `final`, in order; the models' last CTE lists them one by one."""
    body = re.search(r"\nfinal as \(\n\n    select\n(.*?)\n    from ", sql, re.S).group(1)
    body = body.replace("{{ node_columns() }}", node_columns())
    body = re.sub(r"--[^\n]*", "", body)
    body = re.sub(r"\{\{.*?\}\}", "x", body, flags=re.S)
    columns, depth, start = [], 0, 0
    for position, character in enumerate(body + ","):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            columns.append(re.findall(r"\w+", body[start:position])[-1])
            start = position + 1
    return columns


def undescribed(model: dict, blocks: set[str], is_mart: bool) -> list[str]:
    """What a model's YAML entry lacks: descriptions, doc blocks that exist, types and labels of a mart."""
    found = [] if model.get("description") else [f"{model['name']}: no description"]
    meta = model.get("config", {}).get("meta", {})
    if is_mart:
        found += [f"{model['name']}: no meta {key}" for key in ("audience", "label_de", "label_en", "formula")
                  if not meta.get(key)]  # fmt: skip
    for column in model.get("columns", []):
        name = f"{model['name']}.{column['name']}"
        description = column.get("description") or ""
        if not description.strip():
            found.append(f"{name}: no description")
        found += [f"{name}: no doc block {block}" for block in DOC_CALL.findall(description) if block not in blocks]
        if is_mart and not column.get("data_type"):
            found.append(f"{name}: no data_type")
        if is_mart and re.search(r"float|double|real", column.get("data_type", "")):
            found.append(f"{name}: a float")
    return found


@cache
def published_values() -> set[str]:
    """Digits of every figure that the project compares with or delivers, from four digits on, years left out."""
    files = [
        DBT_PROJECT / "seeds" / "published_figure.csv",
        DBT_PROJECT / "seeds" / "control_total.csv",
        ROOT / "tests" / "fixtures" / "facts" / "figures.csv",
    ]
    values = [row["value"] for file in files for row in csv.DictReader(file.open(encoding="utf-8"))]
    # Round ones of the whole copy stand in unit tests by chance.
    copy = csv.DictReader((DBT_PROJECT / "seeds" / "source_figure.csv").open(encoding="utf-8"))
    values += [row["value"] for row in copy if len(row["value"]) >= 5 and not row["value"].endswith("000")]
    digits = {re.sub(r"\.0*$", "", value) for value in values if value}
    # Results that follow from them, and inputs that were solved back, stand in no seed.
    digits |= {"7298", "7297", "7299", "2525", "1148260117", "1148271057", "276235"}
    return {value for value in digits if value.isdigit() and len(value) >= 4 and not 1990 <= int(value) <= 2050}


def typed_figures(text: str, values: set[str]) -> list[str]:
    """Published figures typed into a text, with or without thousands separators."""
    numbers = re.findall(r"(?<![\w.])\d[\d_.,]*\d", text)
    return sorted({number for number in numbers if re.sub(r"[_.,]", "", number) in values})


def layer_breaches(path: Path, sql: str) -> list[str]:
    """Ways by which a model reads what its layer must not read."""
    found = []
    if re.search(r"\b(from|join)\s+(raw|published|marts|marts_internal|build)\.", sql):
        found.append("names a schema")
    if "source(" in sql:
        found.append("calls source(): staging reads raw through delivered()")
    layer = path.relative_to(MODELS).parts[0]
    # earlier_delivered() and earlier_published() lead to what readers see of earlier publications, and nowhere else
    if layer == "staging" and not re.search(r"\b(earlier_)?delivered\(|\bearlier_published\(", sql):
        found.append("does not read through delivered()")
    if layer != "staging" and re.search(r"delivered\(|earlier_published\(", sql):
        found.append("reads raw outside staging")
    if layer == "intermediate" and not path.is_relative_to(NODES):
        marts = {file.stem for file in (MODELS / "marts").rglob("*.sql")}
        found += [f"reads the mart {name}" for name in re.findall(r"ref\('(\w+)'\)", sql) if name in marts]
    return found


@cache
def doc_blocks() -> set[str]:
    return {name for file in MODELS.rglob("*.md") for name in DOC_BLOCK.findall(file.read_text())}


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)
def test_model(path: Path) -> None:
    sql = path.read_text()
    assert sql.startswith("-- grain: one row per "), "a model is headed by its grain"
    assert sql.endswith("select * from final\n")
    assert layer_breaches(path, sql) == []
    model = declared()[path.stem]
    assert undescribed(model, doc_blocks(), is_mart=path.is_relative_to(MODELS / "marts")) == []
    assert [column["name"] for column in model["columns"]] == final_columns(sql)


@pytest.mark.parametrize("path", [*SQL_FILES, *MACROS, *sorted(MODELS.rglob("*.yml"))], ids=lambda path: path.stem)
def test_no_figure_is_typed_in(path: Path) -> None:
    assert typed_figures(path.read_text(), published_values()) == []


def test_every_declared_model_exists() -> None:
    assert sorted(declared()) == sorted(path.stem for path in SQL_FILES)


def is_ephemeral(path: Path) -> bool:
    declared_as = declared()[path.stem].get("config", {}).get("materialized")
    return declared_as == "ephemeral" or path.is_relative_to(NODES)


LONGEST_LINES = 200
LONG = {
    # Its unit tests follow a cell from the grants to the decision, and dbt's lead through one model alone.
    "int_disclosure__grant_cell",
}
MEDIAN_LINES = 92
"""Half of a model's lines are the imports and blank lines of the style: CTEs, one step each."""


def too_long(lines: dict[str, int], allowed: set[str]) -> list[str]:
    """SQL files (name -> lines) that are longer than a reader takes at once, and exceptions that are none any more."""
    return sorted(name for name in lines.keys() | allowed if (lines.get(name, 0) > LONGEST_LINES) != (name in allowed))


def test_no_sql_file_is_long() -> None:
    lines = {path.stem: path.read_text().count("\n") for path in [*SQL_FILES, *MACROS]}
    assert too_long(lines, LONG) == []
    assert statistics.median(lines[path.stem] for path in SQL_FILES) <= MEDIAN_LINES
    assert too_long({"a": 201, "b": 201, "c": 200, "d": 200}, {"b", "d"}) == ["a", "d"]


def test_project_stays_small() -> None:
    # the protection of figures is a tenth of them, the days of semantic models one (a view); steps and nodes of trees
    # are no tables, but parts of a statement
    tables = [path for path in SQL_FILES if not is_ephemeral(path)]
    assert len(tables) <= 103, "a build of many models no longer fits into the first run's time"


def test_dbt_imports_nothing_from_the_project() -> None:
    assert list(DBT_PROJECT.rglob("*.py")) == [], "dbt imports a package named dbt_* as its plugin"


def test_seeds_declare_every_column_with_its_type() -> None:
    entries = yaml_files.read(DBT_PROJECT / "seeds" / "_seeds.yml")["seeds"]
    by_name = {entry["name"]: entry for entry in entries}
    for file in sorted((DBT_PROJECT / "seeds").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as handle:
            header = next(csv.reader(handle))
        entry = by_name.pop(file.stem)
        assert list(entry["config"]["column_types"]) == header, file.name
        assert [column["name"] for column in entry["columns"]] == header, file.name
    assert by_name == {}


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a seed."""
    with (DBT_PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def sensitivity_leaks(models: dict[str, str], audiences: dict[str, str]) -> list[str]:
    """Models (name -> SQL) that read a sensitivity and are not for the statistics office alone."""
    reading = {name for name, sql in models.items() if re.search(r"ref\('(cost_sensitivity|sensitivity_\w+)'\)", sql)}
    return sorted(name for name in reading if audiences.get(name) != "marts_internal")


def test_a_sensitivity_is_read_by_internal_marts_alone() -> None:
    audiences = {n: m.get("config", {}).get("meta", {}).get("audience", "") for n, m in declared().items()}
    models = {path.stem: path.read_text() for path in SQL_FILES}
    assert sensitivity_leaks(models, audiences) == []
    assert any("ref('cost_sensitivity')" in sql for sql in models.values())
    leaking = {
        "a": "{{ ref('sensitivity_cost_per_person') }}",
        "b": "{{ ref('cost_sensitivity') }}",
        "c": "{{ ref('x') }}",
    }
    assert sensitivity_leaks(leaking, {"a": "marts", "b": "marts_internal"}) == ["a"]
    assert all(row["sensitivity"].startswith("sensitivity_") for row in rows("cost_sensitivity"))


def test_a_rate_that_no_source_names_is_an_assumption() -> None:
    assert [
        row["lump_sum"] for row in rows("lump_sum") if (row["is_assumption"] == "true") == bool(row["source_document"])
    ] == []


def test_every_method_is_complete() -> None:
    methods = {row["method"] for row in rows("cost_method")}
    assert methods == {row["method"] for row in rows("cost_method_place_basis")}
    assert {row["method"] for row in rows("cost_mapping")} <= methods
    assert all(row["caption_de"] and row["caption_en"] for row in rows("cost_method"))


def mart_entries() -> list[dict]:
    return [model for name, model in declared().items() if (MODELS / "marts") in path_of(name).parents]


def path_of(model: str) -> Path:
    (path,) = (path for path in SQL_FILES if path.stem == model)
    return path


def figures(model: dict) -> set[str]:
    """Columns of a mart that are figures: numbers that neither name the row nor say which year or version it is."""
    (key,) = (t["unique_combination"]["arguments"]["columns"] for t in model["data_tests"] if "unique_combination" in t)
    return {
        column["name"]
        for column in model["columns"]
        if re.match(r"numeric|bigint|integer", column["data_type"])
        and column["name"] not in key
        and not re.search(r"_(year|version|order)$", column["name"])
    }


def untold_trees(model: dict, models: set[str]) -> list[str]:
    """Figures of a mart of which its YAML (meta.trees) says neither what their tree is nor why there is none."""
    trees = dict(model["config"]["meta"].get("trees", {}))
    columns = {column["name"] for column in model["columns"]}
    whole = trees.pop("*", None)
    found = [f"{figure}: neither a tree nor a reason" for figure in sorted(figures(model) - set(trees)) if not whole]
    for figure, tree in [*trees.items(), *([("*", whole)] if whole else [])]:
        kinds = [kind for kind in ("model", "read", "operation", "part_of", "none") if tree.get(kind)]
        own = {name for name, other in trees.items() if not {"part_of", "none"} & set(other)}
        wrong = {
            "is no column": figure != "*" and figure not in columns,
            "is declared by no kind, or by several": len(kinds) != 1,
            "names no model": "model" in tree and tree["model"] not in models,
            "is a part of no tree": "part_of" in tree and (tree["part_of"] not in own or not tree.get("path")),
            "has other than two operands": "operation" in tree and len(tree.get("of", ())) != 2,
        }
        found += [f"{figure}: {what}" for what, is_so in wrong.items() if is_so]
    return found


def test_each_figure_of_each_mart_has_a_tree_or_a_reason() -> None:
    models = {path.stem for path in SQL_FILES}
    # the columns of `provenance` are those of trees
    told = {model["name"]: untold_trees(model, models) for model in mart_entries() if model["name"] != "provenance"}
    assert len(told) > 20 and {mart: what for mart, what in told.items() if what} == {}


def test_a_figure_without_tree_and_reason_is_found() -> None:
    columns = [{"name": name, "data_type": "numeric"} for name in ("a_eur", "b_eur", "c_eur", "d_eur", "e_eur")]
    columns += [{"name": "k", "data_type": "integer"}, {"name": "to_year", "data_type": "integer"}]
    trees = {
        "b_eur": {"model": "gone"},
        "c_eur": {"part_of": "d_eur", "path": "1.1"},
        "d_eur": {"none": "because", "read": "x"},
        "e_eur": {"operation": "ratio", "of": ["a_eur"]},
        "f_eur": {"none": "because"},
    }
    key = [{"unique_combination": {"arguments": {"columns": ["k"]}}}]
    model = {"columns": columns, "data_tests": key, "config": {"meta": {"trees": trees}}}
    assert untold_trees(model, {"there"}) == [
        "a_eur: neither a tree nor a reason",
        "b_eur: names no model",
        "c_eur: is a part of no tree",
        "d_eur: is declared by no kind, or by several",
        "e_eur: has other than two operands",
        "f_eur: is no column",
    ]
    model["config"]["meta"]["trees"] = {"*": {"none": "because"}}
    assert untold_trees(model, set()) == []


def test_what_the_checks_of_a_mart_read_from_its_yaml_is_there() -> None:
    severities = {"hold", "warn"}
    for model in mart_entries():
        meta = model["config"]["meta"]
        columns = {column["name"] for column in model["columns"]}
        assert set(meta.get("place", ())) <= columns, model["name"]
        assert set(meta.get("rests_on", ())) <= severities, model["name"]
        for sources in (sources for sets in meta.get("rests_on", {}).values() for sources in sets):
            assert set([sources] if isinstance(sources, str) else sources) <= set(contracts.sources()), model["name"]


def test_offenders_are_found() -> None:
    assert typed_figures("select 15_639_763, 2.143 from x1", {"15639763", "2143"}) == ["15_639_763", "2.143"]
    assert typed_figures("where build_id = 7 and code = '05913000'", published_values()) == []
    staging = MODELS / "staging" / "x" / "stg_x__y.sql"
    assert layer_breaches(staging, "select * from {{ source('x', 'x__y') }}") == [
        "calls source(): staging reads raw through delivered()",
        "does not read through delivered()",
    ]
    assert layer_breaches(staging, "select * from raw.x__y -- delivered(") == ["names a schema"]
    assert layer_breaches(NODES / "int_x_node.sql", "{{ ref('cost_per_person') }}") == []
    intermediate = MODELS / "intermediate" / "x" / "int_x.sql"
    assert layer_breaches(intermediate, "{{ earlier_published('x') }}") == ["reads raw outside staging"]
    assert layer_breaches(intermediate, "{{ delivered('x', 'y') }} {{ ref('cost_per_person') }}") == [
        "reads raw outside staging",
        "reads the mart cost_per_person",
    ]
    mart = {"name": "m", "columns": [{"name": "a", "description": '{{ doc("gone") }}', "data_type": "double precision"},
                                     {"name": "b"}]}  # fmt: skip
    assert undescribed(mart, set(), is_mart=True) == [
        "m: no description",
        "m: no meta audience",
        "m: no meta label_de",
        "m: no meta label_en",
        "m: no meta formula",
        "m.a: no doc block gone",
        "m.a: a float",
        "m.b: no description",
        "m.b: no data_type",
    ]
    columns = "a.b, -- why, so\n        round(c, 2) as d,\n        {{ f('x', 'y') }} as e"
    sql = f"\nfinal as (\n\n    select\n        {columns}\n    from a\n"
    assert final_columns(sql) == ["b", "d", "e"]
    shared = final_columns(sql.replace(columns, "{{ node_columns() }}"))
    assert (shared[0], shared[-1], len(shared)) == ("mart", "value", 26)

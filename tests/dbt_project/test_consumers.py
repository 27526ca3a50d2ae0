"""Who reads what: marts are public, all before them private; each consumer is an exposure, each source has an age."""

import csv
import json
import re
import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ingest import contracts
from lagebild.core import yaml_files
from lagebild.core.settings import DBT_PROJECT, ROOT
from lagebild.warehouse import build, marts, transform

MODELS = DBT_PROJECT / "models"
ROOMS = ("dags", "disclosure", "expectations", "extracts", "ingest", "lagebild")
OF_DAYS = {"year": 366, "quarter": 92}
DAYS_OF_A_MONTH = 31


def exposures() -> dict[str, dict]:
    return {exposure["name"]: exposure for exposure in yaml_files.read(MODELS / "exposures.yml")["exposures"]}


def read_by(exposure: dict) -> set[str]:
    return set(re.findall(r"ref\('(\w+)'\)", " ".join(exposure["depends_on"])))


def named_marts(text: str, names: set[str]) -> set[str]:
    """Marts that a module's SQL reads by name."""
    return {
        name.removesuffix("_vintage") for name in re.findall(r"\bmarts(?:_internal|_history)?\.(\w+)", text)
    } & names


def unexposed(modules: dict[str, set[str]], declared: dict[str, set[str]]) -> list[str]:
    """Modules (name -> marts that they read by name) that no exposure tells of, or not of all."""
    return [
        f"{module}: {', '.join(sorted(read - declared.get(module, set())))}"
        for module, read in sorted(modules.items())
        if read - declared.get(module, set())
    ]


def test_exposures_name_the_marts_that_their_readers_read() -> None:
    audiences = {mart.name: mart.schema for mart in marts.definitions()}
    released = {name for name, schema in audiences.items() if schema == "marts"}
    found = {name: read_by(exposure) for name, exposure in exposures().items()}
    assert found["bi_tools"] == found["disclosure_audit"] == found["explained_figures"] == released
    assert found["statistics_office"] == set(audiences)
    assert found["mart_checks"] == set(audiences) - {"provenance"}
    package = yaml_files.read(ROOT / "extracts" / "package.yml")["marts"]
    assert found["reviewer_extract"] == {mart["name"] for mart in package}
    with (DBT_PROJECT / "seeds" / "source_figure.csv").open(encoding="utf-8", newline="") as seed:
        assert found["source_figures"] == {row["mart"] for row in csv.DictReader(seed)} - {""}


def test_each_module_that_reads_a_mart_by_name_is_an_exposure() -> None:
    names = {mart.name for mart in marts.definitions()}
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    modules = {path.stem: read for path in files if (read := named_marts(path.read_text(), names))}
    of_modules = {
        exposure["config"]["meta"]["module"]: read_by(exposure)
        for exposure in exposures().values()
        if "config" in exposure
    }
    assert set(of_modules) == set(modules), "an exposure names a module that reads no mart, or the other way round"
    assert unexposed(modules, of_modules) == []
    assert named_marts("from marts_history.a as v, marts.publication, x.b", {"a", "b"}) == {"a"}
    assert unexposed({"m": {"a", "b"}, "n": {"a"}}, {"m": {"a"}}) == ["m: b", "n: a"]


def consumers(manifest: dict, model: str) -> set[str]:
    """Exposures behind a model, as `dbt ls --select <model>+ --resource-type exposure` lists them."""
    found, waiting = set(), [unique_id for unique_id in manifest["nodes"] if unique_id.endswith(f".{model}")]
    while waiting:
        children = set(manifest["child_map"].get(waiting.pop(), ())) - found
        found |= children
        waiting += children
    return {child.rpartition(".")[2] for child in found if child.startswith("exposure.")}


def misplaced(nodes: dict[str, dict]) -> list[str]:
    """Models whose access is not that of their layer."""
    access = {"staging": "private", "intermediate": "private", "marts": "public"}
    return sorted(
        f"{node['name']}: {node['access']} in group {node['group']}"
        for node in nodes.values()
        if node["resource_type"] == "model" and (node["access"], node["group"]) != (access[node["fqn"][1]], "warehouse")
    )


def test_marts_are_public_what_they_are_made_of_is_private_and_a_change_has_its_readers(published_warehouse) -> None:
    manifest = json.loads(transform.manifest_path(published_warehouse).read_text())
    assert misplaced(manifest["nodes"]) == []
    of_all = {"bi_tools", "disclosure_audit", "explained_figures", "mart_checks", "reviewer_extract"}
    of_all |= {"statistics_office", "release_changes"}
    assert consumers(manifest, "refinancing") == of_all
    # a package without the table itself, but with what is made of it
    assert consumers(manifest, "official_statistic") == of_all
    assert consumers(manifest, "toleration") == of_all | {"source_figures"}
    assert consumers(manifest, "stg_register__person") == set(exposures())
    assert consumers(manifest, "eu2_population_unmasked") == {"statistics_office", "mart_checks"}
    # of the reading of a delivery's age every source that is due is asked
    aged = {node["source_name"] for node in manifest["sources"].values() if node["freshness"]["warn_after"]["count"]}
    due = {source for source in contracts.sources() if contracts.load(source).due.lag is not None}
    assert aged == due

    def node(name: str, access: str, *fqn: str) -> dict:
        return {"name": name, "resource_type": "model", "access": access, "group": "warehouse", "fqn": ["x", *fqn]}

    assert misplaced({"a": node("a", "public", "staging"), "b": node("b", "public", "marts")}) == [
        "a: public in group warehouse"
    ]


def unaged(sources: dict[str, dict], dues: dict[str, int | None]) -> list[str]:
    """Sources whose age in dbt is not what their contracts allow (days; None where no period is due)."""
    return [
        f"{source}: {told} days, by the contract {dues[source]}"
        for source, entry in sorted(sources.items())
        if (told := entry.get("config", {}).get("freshness", {}).get("warn_after", {}).get("count")) != dues[source]
    ]


def allowed_days(due: contracts.Due) -> int | None:
    """Days without a delivery that a source's contract allows: a period, and the time after its end."""
    if due.lag is None:
        return None
    return OF_DAYS[due.every] + due.lag.months * DAYS_OF_A_MONTH + due.lag.days


def test_sources_are_as_old_as_their_contracts_allow() -> None:
    entries = [entry for file in MODELS.rglob("*__sources.yml") for entry in yaml_files.read(file)["sources"]]
    sources = {entry["name"]: entry for entry in entries if entry["name"] in contracts.sources()}
    dues = {source: allowed_days(contracts.load(source).due) for source in sources}
    assert unaged(sources, dues) == [] and sum(days is not None for days in dues.values()) == 21
    told = {"a": {"config": {"freshness": {"warn_after": {"count": 5}}}}, "b": {}, "c": {}}
    assert unaged(told, {"a": 6, "b": 366, "c": None}) == [
        "a: 5 days, by the contract 6",
        "b: None days, by the contract 366",
    ]


@pytest.mark.long
@pytest.mark.nightly
def test_commands_of_the_readme_say_who_reads_and_how_old_sources_are(published_warehouse, tmp_path) -> None:
    page = (DBT_PROJECT / "README.md").read_text()
    listed, aged = re.findall(r"^    (\.venv/bin/dbt (?:ls|source).*)$", page, re.MULTILINE)

    def run(command: str) -> subprocess.CompletedProcess:
        program, *arguments = shlex.split(command)
        assert program == ".venv/bin/dbt"
        environment = build.dbt_environment(published_warehouse) | {"DBT_TARGET_PATH": str(tmp_path)}
        dbt = Path(sys.executable).with_name("dbt")
        return subprocess.run([dbt, *arguments], env=environment, capture_output=True, text=True, check=False, cwd=ROOT)

    who = run(listed.replace("<model>", "int_cost__rate"))
    assert "exposure:lagebild.bridge_of_publications" in who.stdout.split(), who.stdout
    ages = run(aged)
    results = json.loads((tmp_path / "sources.json").read_text())["results"]
    assert {result["status"] for result in results} == {"pass"}, ages.stdout
    day = timedelta(days=1).total_seconds()
    assert len(results) == 21 and all(result["max_loaded_at_time_ago_in_s"] < day for result in results)

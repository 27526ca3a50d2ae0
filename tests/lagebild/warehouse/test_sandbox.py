"""A sandbox: a changed model on the inputs of the publication, its difference, and what it leaves alone."""

import json
import shutil
from unittest import mock

import pytest
from click.testing import CliRunner

from lagebild.cli import sandbox as command
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT
from lagebild.warehouse import build, marts, sandbox, transform
from tests.support import query

PLACES = "models/marts/cost/cost_per_person.sql"
STATE = (
    "select (select count(*) from raw.build), (select max(build_id) from raw.build),"
    " (select count(*) from published.publication), (select count(*) from published.content),"
    " (select sum(pg_relation_filenode(oid)::bigint) from pg_class where relnamespace = 'build'::regnamespace)"
)
SCHEMAS = "select nspname from pg_namespace where nspname like 'sandbox%'"


@pytest.fixture
def project(tmp_path):
    """A copy of the dbt project to change, as an analyst's checkout is."""
    copy = tmp_path / "project"
    shutil.copytree(DBT_PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    with mock.patch.object(transform, "DBT_PROJECT", copy):
        yield copy


def change(project, path: str, old: str, new: str) -> None:
    text = (project / path).read_text()
    assert text.count(old) == 1
    (project / path).write_text(text.replace(old, new))
    transform._parsed = None


def run(settings, *arguments: str):
    with mock.patch("lagebild.core.settings.load", lambda: settings):
        result = CliRunner().invoke(command.sandbox, arguments)
    if result.exception:
        raise result.exception
    return result.output


@pytest.mark.nightly
@pytest.mark.long
def test_a_changed_model_shows_its_difference_and_changes_nothing_else(published_warehouse, project):
    change(
        project, PLACES, "regions.region_name as municipality_name", "upper(regions.region_name) as municipality_name"
    )
    before = query(published_warehouse, STATE)
    # a reader's sandbox reads published marts alone, and this model reads more
    with pytest.raises(UserError, match="permission denied") as refused:
        sandbox.run(published_warehouse, "anna")
    assert "--role lagebild_builder" in refused.value.remedy
    assert query(published_warehouse, SCHEMAS) == []

    found = json.loads(run(published_warehouse, "--name", "anna", "--role", "lagebild_builder", "--format", "json"))
    assert (found["schema"], found["publication"]) == ("sandbox_anna", 1)
    assert [mart["mart"] for mart in found["marts"]] == ["cost_per_person"]
    (mart,) = found["marts"]
    (count,) = query(published_warehouse, "select count(*) from marts.cost_per_person")
    assert len(mart["rows"]) == count[0]
    row = next(row for row in mart["rows"] if row["key"]["municipality_ags"] == "05913000")
    assert row["state"] == "changed"
    assert [(v["column"], v["former"], v["latter"]) for v in row["values"]] == [
        ("municipality_name", "Dortmund", "DORTMUND")
    ]
    # what the change cannot reach was not built, and what it could reach is compared
    reached = {"cost_per_person", *found["same"]}
    assert "eu2_population" in found["untouched"]
    assert reached | set(found["untouched"]) == {mart.name for mart in marts.definitions()}
    assert query(published_warehouse, SCHEMAS) == []
    assert query(published_warehouse, STATE) == before


def test_a_reader_builds_on_published_marts_and_a_kept_sandbox_ends_with_the_next_build(published_warehouse, project):
    model = "select municipality_ags, cost_per_person_eur from {{ ref('cost_per_person') }}\n"
    (project / "models" / "intermediate" / "cost" / "int_cost__mine.sql").write_text(model)
    text = run(published_warehouse, "--name", "anna", "--keep")
    assert "sandbox_anna compared with publication 1; nothing is published" in text
    assert "no figure differs" in text
    asked = "select count(*) from {}"
    assert query(published_warehouse, asked.format("sandbox_anna.int_cost__mine"), role=database.BI_READER) == query(
        published_warehouse, asked.format("marts.cost_per_person")
    )
    # a builder's sandbox may hold persons: the next build drops it; a reader's holds nothing that is not published
    with database.connect(published_warehouse) as connection:
        connection.execute("create schema sandbox_bea authorization lagebild_builder")
    with build.at_work(published_warehouse) as connection:
        sandbox.drop_outdated(connection)
    assert query(published_warehouse, SCHEMAS) == [("sandbox_anna",)]


def test_a_later_build_wrote_over_the_inputs(published_warehouse, tmp_path):
    published = transform.published_manifest(published_warehouse.home, 1)
    place = (database.BUILDER, published, tmp_path / "state")
    with database.connect(published_warehouse) as connection:
        inputs = sandbox._inputs(connection)
        connection.execute("insert into raw.build (state, code_version, fingerprint) values ('stopped', 'x', 'x')")
        later = sandbox._inputs(connection)
        connection.rollback()
    select, options = sandbox._selection(inputs, *place)
    assert (select, "--defer" in options) == (["state:modified+"], True)
    select, options = sandbox._selection(later, *place)
    assert (select, "--defer" in options) == (["+state:modified+"], False)
    # returned to a publication whose manifest is not kept: everything is made
    published.unlink()
    assert sandbox._selection(inputs, *place)[0] == ["path:models", "path:seeds"]


def test_names_that_are_none_and_a_warehouse_without_publication(warehouse):
    for name in ("Anna", "a; drop schema raw", "", "1a", "a" * 41):
        with pytest.raises(UserError, match="cannot name a sandbox"):
            sandbox.run(warehouse, name)
    with pytest.raises(UserError, match="nothing is published yet"):
        sandbox.run(warehouse, "anna")
    assert command._own_name().isidentifier()

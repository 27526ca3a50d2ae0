"""What a change of the dbt project reaches, told without a database."""

import shutil
import subprocess

import pytest

from lagebild.core.settings import DBT_PROJECT
from tests import changed_models


@pytest.fixture
def clone(tmp_path):
    """A repository with two commits on main, and the branch `mine` with one more."""

    def git(*arguments: str) -> str:
        own = ["git", "-C", tmp_path, "-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
        return subprocess.run([*own, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet", "--initial-branch", "main")
    for message in ("first", "second"):
        git("commit", "--quiet", "--allow-empty", "--message", message)
    return git


def test_the_base_is_where_the_branch_left_main_and_on_main_the_commit_before(clone, tmp_path):
    first, second = clone("rev-parse", "HEAD~1"), clone("rev-parse", "HEAD")
    assert changed_models.base_of(tmp_path, {}) == first
    clone("checkout", "--quiet", "-b", "mine")
    clone("commit", "--quiet", "--allow-empty", "--message", "third")
    assert changed_models.base_of(tmp_path, {}) == second
    clone("update-ref", "refs/remotes/origin/release", first)
    assert changed_models.base_of(tmp_path, {"GITHUB_BASE_REF": "release"}) == first


def test_a_clone_of_one_commit_has_no_base(clone, tmp_path):
    clone("checkout", "--quiet", "--orphan", "alone")
    clone("commit", "--quiet", "--allow-empty", "--message", "alone")
    clone("branch", "--delete", "--force", "main")
    assert changed_models.base_of(tmp_path, {}) is None


def test_names_are_listed_and_tests_counted():
    found = {"seed": [], "model": ["a", "b"], "test": ["t"], "unit_test": [], "exposure": ["extract"]}
    assert changed_models.as_text(found).splitlines() == [
        "seeds: 0", "models: 2: a, b", "data tests: 1", "unit tests: 0", "consumers hit: 1: extract",
    ]  # fmt: skip
    assert changed_models.as_text({kind: [] for kind in found}) == "no model, seed, test or consumer is reached"


@pytest.mark.nightly
def test_a_changed_model_reaches_what_is_behind_it_and_who_reads_that(tmp_path):
    shutil.copytree(DBT_PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("target", "logs"))
    model = tmp_path / "project" / "models" / "marts" / "population" / "migration_background.sql"
    model.write_text(model.read_text() + "-- one line more\n")
    found = changed_models.reached(DBT_PROJECT, tmp_path / "project")
    assert "migration_background" in found["model"]
    assert "cost_per_person" not in found["model"]
    assert "reviewer_extract" in found["exposure"]
    assert found["seed"] == []

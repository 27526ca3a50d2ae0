"""What holds for the whole house, whatever the room."""

import re
import subprocess
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT

# The figures that must come out; they may stand in deliveries, attributed seeds, documents and tests, never in code.
FIGURES = re.compile(
    r"(?<!\d)(15[_.,]?639[_.,]?763|2[_.,]?143|535[_.,]?819|1[_.,]?148[_.,]?2\d\d[_.,]?\d{3}|9[_.,]?823|7[_.,]?298)(?!\d)"
)
CODE_ROOMS = (
    "dags",
    "dbt_project/macros",
    "dbt_project/models",
    "disclosure",
    "expectations",
    "extracts",
    "ingest",
    "lagebild",
)


def tracked(*patterns: str) -> list[Path]:
    """Files that git tracks, or would (not ignored), by pattern."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def code_files() -> list[Path]:
    return [path for room in CODE_ROOMS for path in tracked(room) if path.suffix in (".py", ".sql", ".yml")]


def test_no_figure_stands_in_code_or_models():
    assert len(code_files()) > 60
    found = [f"{path}: {hit}" for path in code_files() for hit in FIGURES.findall(path.read_text())]
    assert found == []


@pytest.mark.parametrize("text", ["2143", "x = 15_639_763", "'15.639.763'", "1,148,260,117"])
def test_the_search_for_figures_finds_one(text):
    assert FIGURES.search(text)


def test_every_room_says_what_it_is():
    rooms = ("dags", "dbt_project", "disclosure", "docker", "docs", "expectations", "extracts", "ingest", "lagebild")
    rooms += ("tests",)
    assert [room for room in rooms if not (ROOT / room / "README.md").exists()] == []


def test_links_in_documents_lead_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in tracked("*.md")
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []

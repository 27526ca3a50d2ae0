"""The floors of docs/architecture.md hold: `make lint` fails on an import that goes up, and on a circle."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT

CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
ROOMS = CONFIGURATION["root_packages"]
FLOORS = [room for floor in CONFIGURATION["contracts"][0]["layers"] for room in floor.split(" | ")]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the code and of the contract about it."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=lambda _, names: [n for n in names if is_data(n)])
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def is_data(name: str) -> bool:
    return "." in name and not name.endswith(".py")


def linted(house: Path) -> str:
    """What the linter says of a house in which something is wrong."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    environment = os.environ | {"PYTHONPATH": str(house), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_an_import_upwards_and_a_circle_fail_the_lint(house):
    for module, line in {
        "ingest/contracts/periods.py": "from lagebild.warehouse import roles",
        "ingest/reading/archive.py": "from ingest.reading import readers",
    }.items():
        path = house / module
        path.write_text(f"{path.read_text()}\n\ndef planted():\n    {line}\n")
    said = linted(house)
    broken = re.findall(r"^(.+) BROKEN$", said, re.MULTILINE)
    assert broken == [contract["name"] for contract in CONFIGURATION["contracts"]]
    assert "ingest.contracts.periods -> lagebild.warehouse.roles" in said and ".archive -> .readers" in said


def test_every_module_is_on_a_floor():
    """No room escapes the contract: what is not on a floor has nothing to import."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path.name != "__init__.py"
    ]
    beside = {module for module in modules if not module.startswith(tuple(f"{floor}." for floor in FLOORS))}
    # The first runs before there is an environment, the other makes the examples; neither is imported.
    assert beside <= {"lagebild.bootstrap", "ingest.bundled.make"}


def test_the_page_names_every_floor_in_order():
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:ingest|lagebild|extracts|expectations|disclosure)[\w/]*)/`", page.split("## Floors")[1])
    floors = [floor.replace(".", "/") for floor in FLOORS]
    assert [name for name in named if name in floors] == floors

"""Fixtures of the tests of packages."""

import dataclasses
from pathlib import Path

import pytest

from lagebild.core import database
from lagebild.core.settings import Settings
from tests.extracts.toy import TABLES, write_package


@pytest.fixture
def published(warehouse: Settings, tmp_path: Path) -> Settings:
    """Settings of a warehouse with publications 1 and 2, whose extracts go to a folder of the test."""
    with database.connect(warehouse) as connection:
        connection.execute(TABLES)
    return dataclasses.replace(warehouse, extracts=tmp_path / "extracts")


@pytest.fixture
def package_file(tmp_path: Path) -> Path:
    """The package definition, cut down to the two marts that this test makes by hand."""
    return write_package(tmp_path, {"cost_per_person": ["municipality_ags", "reference_year"], "eu2_population": None})

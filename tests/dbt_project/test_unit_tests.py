"""Every dbt unit test holds; a build does not run them, because they read nothing but the code."""

import json
import subprocess
import sys
from pathlib import Path

from lagebild.core import yaml_files
from lagebild.core.settings import DBT_PROJECT
from lagebild.warehouse import build


def test_every_unit_test_holds(published_warehouse):
    # `dbt build` runs unit tests with their models only.
    command = [Path(sys.executable).with_name("dbt"), "test", "--select", "test_type:unit"]
    environment = build.dbt_environment(published_warehouse) | {"LAGEBILD_BUILD_ID": "1"}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
    results = published_warehouse.home / "dbt" / "target" / "run_results.json"
    found = {result["unique_id"]: result["status"] for result in json.loads(results.read_text())["results"]}
    written = [
        case["name"]
        for file in (DBT_PROJECT / "models").rglob("*.yml")
        for case in yaml_files.read(file).get("unit_tests", ())
    ]
    assert sorted(name.rsplit(".", 1)[1] for name in found) == sorted(written) != [], output
    assert set(found.values()) == {"pass"}, output

"""Great Expectations is imported without what no suite uses, and nobody can tell but by the time."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from expectations import library

ROOT = Path(__file__).parents[2]


def _run(code: str) -> str:
    """What a fresh Python prints that has imported the library as the gate does."""
    code = f"import sys\nfrom expectations import library\nfrom lagebild.core import lazy\ngx = library.load()\n{code}"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_release_is_the_one_whose_modules_are_listed():
    assert metadata.version(library.NAME) == library.TRIED, (
        "compare LATER and LEAN with what this release imports, time it, and name it in TRIED"
    )


def test_what_no_suite_uses_is_not_imported_and_no_stand_in_is_left():
    roots = "{'scipy.stats', 'altair', 'boto3', 'botocore', 'jsonschema', 'mistune', 'narwhals', 'pyspark'}"
    assert _run(f"print({roots} & set(sys.modules))") == "set()"
    left = "print([m for m in sys.modules.values() if type(m) is lazy.LazyModule], sys.meta_path[0])"
    assert _run(left) == "[] <class '_frozen_importlib.BuiltinImporter'>"
    assert _run("import scipy; print('stats' in vars(scipy))") == "False"


def test_the_real_modules_come_when_they_are_asked_for():
    # both ways: through the library, that holds stand-ins, and as any other user of the process
    told = _run(
        "from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as module\n"
        "print(type(module.stats).__name__, round(float(module.stats.entropy([0.5, 0.5])), 3))\n"
        "print(module.alt.Chart.__name__)\n"
        "import altair, boto3, jsonschema, scipy.stats\n"
        "print(scipy.stats.entropy is module.stats.entropy, altair.Chart is module.alt.Chart)\n"
        "from great_expectations.datasource.fluent import sql_datasource\n"
        "from great_expectations.execution_engine import pandas_execution_engine as engine\n"
        "print(type(engine.aws).__name__, engine.aws.boto3 is boto3)"
    )
    assert told.splitlines()[:1] in (["LazyModule 0.693"], ["module 0.693"])
    assert told.splitlines()[1:] == ["Chart", "True True", "LazyModule True"]


@pytest.mark.nightly
def test_every_expectation_and_data_source_that_the_library_has_is_there():
    plain = (
        "import great_expectations.expectations.core as core, great_expectations.datasource.fluent as fluent, sys\n"
        "import great_expectations.expectations as outer\n"
        "for package in (core, outer, fluent):\n"
        "    names = [n for n in dir(package) if n[0].isupper()]\n"
        "    assert all(getattr(package, n).__name__ for n in names)\n"
        "    print(sorted(names))"
    )
    expected = subprocess.run(
        [sys.executable, "-c", plain], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert "ExpectColumnKLDivergenceToBeLessThan" in expected and "PandasDatasource" in expected
    assert _run(plain) == expected


def test_an_expectation_that_needs_scipy_judges_as_ever(tmp_path):
    told = _run(
        "import pandas\n"
        "context = gx.get_context(mode='ephemeral')\n"
        "import great_expectations.datasource.fluent.pandas_datasource\n"
        "asset = context.data_sources.add_pandas('p').add_dataframe_asset('a')\n"
        "batch = asset.add_batch_definition_whole_dataframe('b')\n"
        "batch = batch.get_batch({'dataframe': pandas.DataFrame({'x': list('aab')})})\n"
        "kind = gx.expectations.ExpectColumnKLDivergenceToBeLessThan\n"
        "object = {'values': ['a', 'b'], 'weights': [0.5, 0.5]}\n"
        "for limit in (0.1, 0.01):\n"
        "    result = batch.validate(kind(column='x', partition_object=object, threshold=limit))\n"
        "    print(result.success, round(result.result['observed_value'], 3))\n"
    )
    assert told.splitlines()[-2:] == ["True 0.057", "False 0.057"]


@pytest.mark.nightly
def test_another_release_is_imported_as_it_comes():
    told = _run("print('unreached')").splitlines()
    assert told == ["unreached"]
    code = (
        "from expectations import library\nlibrary.TRIED = '0.0'\ngx = library.load()\nimport sys\n"
        "print('altair' in sys.modules, gx.ExpectationSuite.__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "True ExpectationSuite"

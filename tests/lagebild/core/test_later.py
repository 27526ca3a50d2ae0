"""Imports are put off until they are needed, and nobody else in the process notices."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lagebild.core import lazy

ROOT = Path(__file__).parents[3]


def _run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_module_that_is_not_installed_stays_missing_to_who_imports_it():
    with lazy.lazy_imports({"no_such_module"}), pytest.raises(ModuleNotFoundError):
        __import__("no_such_module")


def test_other_threads_import_the_real_module_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text("value = 1")
    monkeypatch.syspath_prepend(str(tmp_path))

    with lazy.lazy_imports({"slow_module"}), ThreadPoolExecutor(1) as other:
        elsewhere = other.submit(__import__, "slow_module").result()
        assert type(elsewhere) is not lazy.LazyModule and elsewhere.value == 1
    monkeypatch.delitem(sys.modules, "slow_module")
    with lazy.lazy_imports({"slow_module"}), ThreadPoolExecutor(1) as other:
        own = __import__("slow_module")
        assert type(own) is lazy.LazyModule
        assert other.submit(lambda: __import__("slow_module").value).result() == 1
        assert sys.modules["slow_module"] is not own and own.value == 1


def test_a_command_that_only_asks_the_database_waits_for_no_library_of_numbers():
    asking = "lagebild.review.decisions, lagebild.local.status, lagebild.provenance.explain"
    assert _run(f"import sys, {asking}\nprint({{'numpy', 'pandas', 'dbt'}} & set(sys.modules))") == "set()"


def test_loading_needs_no_compiled_loop_before_there_are_records():
    assert (
        _run("import sys, ingest.loading.load\nprint({'numba', 'ingest.reading.kernels'} & set(sys.modules))")
        == "set()"
    )
    used = "from ingest.loading import engine\nprint(engine.hash_of(b'x') == engine.kernels.__getattr__('__name__'))"
    assert _run(used) == "False"


def test_the_loops_come_without_scipy_and_numba_has_it_all_the_same():
    told = _run(
        "import sys\nfrom ingest.reading import kernels\n"
        "print({'scipy.linalg', 'scipy.linalg.cython_blas', 'numpy.f2py'} & set(sys.modules))\n"
        "import numba, numpy as np\nfrom numba.np import arraymath\n"
        "product = numba.njit(lambda a, b: a @ b)\n"
        "a = np.arange(4.0).reshape(2, 2)\n"
        "print((product(a, a) == a @ a).all(), 'scipy.linalg.cython_blas' in sys.modules)\n"
        "import scipy.linalg\nprint(type(scipy.linalg).__name__, scipy.linalg.det(a))"
    )
    assert told.splitlines() == ["set()", "True True", "module -2.0"]

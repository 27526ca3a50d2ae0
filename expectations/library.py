"""Great Expectations, imported without what no suite here uses: in less than half of the time.

Its own import brings scipy and altair (for three of 190 metrics and expectations), the clients of clouds, and classes
for every kind of data source. They are put off (`lagebild/core/lazy.py`), and there when somebody asks for them. An
expectation is known to GX by its name, and a kind of data source by its method, from when its class was asked for.
"""

import gc
import importlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from importlib import metadata
from types import ModuleType

from lagebild.core.lazy import lazy_imports

NAME = "great_expectations"
TRIED = "1.24.1"
"""The release whose modules are listed here; another one is imported as it comes."""
LATER = frozenset(
    {"scipy.stats", "altair", "boto3", "jsonschema", "mistune", "tzlocal", "great_expectations.compatibility.aws"}
)
LEAN = frozenset(
    {"great_expectations.expectations", "great_expectations.expectations.core", "great_expectations.datasource.fluent"}
)


def load() -> ModuleType:
    """The library, with the data source that the gate uses; it is imported once a process. ImportError if it cannot."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    is_tried = metadata.version(NAME) == TRIED
    with _without_collecting(), lazy_imports(LATER if is_tried else (), LEAN if is_tried else ()):
        gx = importlib.import_module(NAME)
        importlib.import_module(f"{NAME}.datasource.fluent.postgres_datasource")
        return gx


@contextmanager
def _without_collecting() -> Generator[None]:
    """Without collecting garbage: the import makes a million objects that stay; looking at them is a fifth of it."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()

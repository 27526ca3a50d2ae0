"""Great Expectations, imported without what no suite here uses: in less than half of the time.

Its own import brings scipy and altair (for three of 190 metrics and expectations), the clients of clouds, and classes
for every kind of data source. Two things keep them out until somebody asks for them. They work while the library is
being imported, in the thread that imports it, and only for the release they were tried with; another release is
imported as it comes.

- A module of `LATER` is stood in for: asked for a name, the stand-in imports the real module, and hands its name on.
  No stand-in stays where other users of the process would find it.
- A package of `LEAN` imports what its `__init__` names when it is asked for. GX knows an expectation by its name, and a
  kind of data source by its method, from then on.
"""

import ast
import gc
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

NAME = "great_expectations"
TRIED = "1.24.1"
"""The release whose modules are listed here."""
LATER = frozenset(
    {"scipy.stats", "altair", "boto3", "jsonschema", "mistune", "tzlocal", "great_expectations.compatibility.aws"}
)
LEAN = frozenset(
    {"great_expectations.expectations", "great_expectations.expectations.core", "great_expectations.datasource.fluent"}
)


def load() -> ModuleType:
    """The library, with the data source that the gate uses; it is imported once a process. ImportError if it cannot."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with _without_collecting(), _lean() if metadata.version(NAME) == TRIED else _plain():
        gx = importlib.import_module(NAME)
        importlib.import_module(f"{NAME}.datasource.fluent.postgres_datasource")
        return gx


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Without collecting garbage: the import makes a million objects that stay; looking at them is a fifth of it."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


@contextmanager
def _plain() -> Iterator[None]:
    yield


@contextmanager
def _lean() -> Iterator[None]:
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.take_back()


class _Finder(MetaPathFinder):
    """Finds the modules of `LATER` and `LEAN`, for the thread that made it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._placed: list[_StandIn] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if threading.get_ident() != self._thread or name not in LATER | LEAN:
            return None
        if any(placed.__name__ == name for placed in self._placed):
            return None  # its stand-in was asked for a name
        found = (other.find_spec(name, path, target) for other in sys.meta_path if other is not self)
        spec = next(filter(None, found), None)
        if spec is None or spec.loader is None:
            return None  # not installed: the importer has to know
        if name in LATER:
            return ModuleSpec(name, _StandInLoader(self._placed), origin=spec.origin)
        if hasattr(spec.loader, "get_source"):
            spec.loader = _LeanLoader(spec.loader)
        return spec

    def take_back(self) -> None:
        """Leave no stand-in where the import of others would find it; who holds one keeps it."""
        for placed in self._placed:
            _forget(placed)


class _StandIn(ModuleType):
    """A module that is imported when it is asked for a name."""

    def __getattr__(self, name: str) -> Any:
        if "is_placed" not in self.__dict__:
            raise AttributeError(name)  # the import asks while it makes the module
        _forget(self)
        return getattr(importlib.import_module(self.__name__), name)


def _forget(placed: _StandIn) -> None:
    name = placed.__name__
    if sys.modules.get(name) is placed:
        sys.modules.pop(name, None)
    parent, _, child = name.rpartition(".")
    if parent in sys.modules and sys.modules[parent].__dict__.get(child) is placed:
        delattr(sys.modules[parent], child)


class _StandInLoader(Loader):
    def __init__(self, placed: list[_StandIn]):
        self._placed = placed

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["is_placed"] = True
        self._placed.append(module)


class _LeanLoader(Loader):
    """Runs the `__init__` of a package without those imports that nothing in it needs; they are made when asked for."""

    def __init__(self, real: Any):
        self._real = real

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        tree = ast.parse(self._real.get_source(module.__name__))
        later = _taken_out(tree)

        def get(name: str) -> Any:
            if name not in later:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            origin, own = later[name]
            value = getattr(importlib.import_module(origin, module.__package__), own)
            setattr(module, name, value)
            return value

        module.__getattr__ = get
        module.__dir__ = lambda: sorted({*module.__dict__, *later})
        exec(compile(tree, module.__file__, "exec"), module.__dict__)


def _taken_out(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Take `from ... import ...` out of a module where nothing else in it uses the name: module and name, by name."""
    # `from . import x` may mean a module, whose import is asked for; what a star brings is not known.
    imports = [
        statement
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom)
        and statement.module not in (None, "__future__")
        and statement.names[0].name != "*"
    ]
    others = [statement for statement in tree.body if statement not in imports]
    used = {node.id for statement in others for node in ast.walk(statement) if isinstance(node, ast.Name)}
    later = {}
    for statement in imports:
        origin = "." * statement.level + (statement.module or "")
        known = {name.asname or name.name: name for name in statement.names}
        statement.names = [name for own, name in known.items() if own in used]
        later |= {own: (origin, name.name) for own, name in known.items() if name not in statement.names}
    tree.body = [statement for statement in tree.body if statement not in imports or statement.names]
    return later

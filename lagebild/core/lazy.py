"""Lazy imports: for libraries that import more than is used.

`module` imports one of our own modules lazily. `lazy_imports` defers parts of a library that is being imported.
"""

import ast
import importlib
import sys
import threading
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def module(name: str) -> Any:
    """A lazy module: it is imported at the first access to a name."""
    stand_in = LazyModule(name)
    stand_in.__dict__["is_placed"] = True
    return stand_in


@contextmanager
def lazy_imports(modules: Collection[str], packages: Collection[str] = ()) -> Generator[None]:
    """In this block, imports of this thread load some modules lazily, and some packages only partly.

    A lazy module imports the real one at the first access to a name. After the block no lazy module is left where
    other code would import it. For packages, `__init__` imports only the names that it uses itself; other names are
    imported at first access. A module that is not installed still raises ModuleNotFoundError.
    """
    finder = _Finder(frozenset(modules), frozenset(packages))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.restore()


class _Finder(MetaPathFinder):
    """Finds the deferred modules, for the thread that created it."""

    def __init__(self, modules: frozenset[str], packages: frozenset[str]):
        self._modules, self._packages = modules, packages
        self._thread = threading.get_ident()
        self._placed: list[LazyModule] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if threading.get_ident() != self._thread or name not in self._modules | self._packages:
            return None
        if any(placed.__name__ == name for placed in self._placed):
            return None  # its lazy module was asked for a name
        found = (other.find_spec(name, path, target) for other in sys.meta_path if other is not self)
        spec = next(filter(None, found), None)
        if spec is None or spec.loader is None:
            return None  # not installed: the importer has to know
        if name in self._modules:
            own = ModuleSpec(name, _LazyLoader(self._placed), origin=spec.origin)
            if any(other.startswith(f"{name}.") for other in self._modules):
                # its submodules may be lazy without it
                own.submodule_search_locations = spec.submodule_search_locations
            return own
        if hasattr(spec.loader, "get_source"):
            spec.loader = _LeanLoader(spec.loader)
        return spec

    def restore(self) -> None:
        """Remove lazy modules from where other imports would find them; references to them stay valid."""
        for placed in self._placed:
            _forget(placed)


class LazyModule(ModuleType):
    """A module that is imported at the first access to a name."""

    def __getattr__(self, name: str) -> Any:
        if "is_placed" not in self.__dict__:
            raise AttributeError(name)  # the import system asks while it creates the module
        _forget(self)
        return getattr(importlib.import_module(self.__name__), name)


def _forget(placed: LazyModule) -> None:
    name = placed.__name__
    if sys.modules.get(name) is placed:
        sys.modules.pop(name, None)
    parent, _, child = name.rpartition(".")
    if parent in sys.modules and sys.modules[parent].__dict__.get(child) is placed:
        delattr(sys.modules[parent], child)


class _LazyLoader(Loader):
    def __init__(self, placed: list[LazyModule]):
        self._placed = placed

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return LazyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["is_placed"] = True
        self._placed.append(module)


class _LeanLoader(Loader):
    """Runs the `__init__` of a package without its unused imports; those are made at first access."""

    def __init__(self, real: Any):
        self._real = real

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        tree = ast.parse(self._real.get_source(module.__name__))
        later = _remove_unused_imports(tree)

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


def _remove_unused_imports(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Remove `from ... import ...` from a module if nothing else in it uses the name; (module, name) by name."""
    # `from . import x` may import a module on purpose; the names of a star import are unknown.
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

"""Everything that ingest can say about a file that was sent, found in its source code."""

import ast
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

from ingest import ledger
from lagebild import gatekeeper

INGEST = Path(ledger.__file__).parent
VALUE = "7"
"""Stands in a text for whatever is not known before."""
WRONG_AND_REMEDY = (0, 1, "remedy")
TELLERS = {
    "Refused": WRONG_AND_REMEDY, "UserError": WRONG_AND_REMEDY, "StoreError": WRONG_AND_REMEDY, "BadValue": (1,),
    "Fault": (1,), "reason": (2,), "move": (3,),
}  # fmt: skip
"""What is called with a text about a file, and which of its arguments are one."""
NO_LOAD = ("header.py", "sniff.py")
"""They read files that nobody sent: `lagebild source fit` and `sniff`."""
VERBS = (
    "contract_check", "contract_docs", "contracts", "erasure", "fetch", "inbox", "landing", "ledger", "persons",
    "receipts", "retention", "rotation", "tables", "wanted",
)  # fmt: skip
"""Their UserErrors answer whoever gives a command; no file waits because of them."""
ASIDE = ("_require_reloadable", "ensure_key")
"""Functions in other modules that only a command calls."""
RETURNED = {"contracts.py": ("header_refusal", "_way_out"), "readers.py": ("_where",)}
"""Functions that hand back what is wrong and what to do."""


class Source:
    """A module, and the texts that its expressions can be."""

    def __init__(self, path: Path):
        self.name, self.module = path.name, ast.parse(path.read_text())
        self.functions = [node for node in ast.walk(self.module) if isinstance(node, ast.FunctionDef)]

    def within(self, node: ast.AST) -> ast.AST:
        """The innermost function around a node; the module where there is none."""
        around = [f for f in self.functions if f.lineno <= node.lineno <= f.end_lineno]
        return max(around, key=lambda f: f.lineno, default=self.module)

    def calls(self, *names: str) -> Iterator[tuple[str, ast.Call]]:
        for node in ast.walk(self.module):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in names and ast.unparse(node.func) != "german.reason":
                    yield name, node

    def arguments(self, call: ast.Call, places: tuple[int | str, ...]) -> list[str]:
        found = [call.args[place] for place in places if isinstance(place, int) and place < len(call.args)]
        found += [keyword.value for keyword in call.keywords if keyword.arg in places]
        return [text for node in found for text in self.texts(node, self.within(call))]

    def texts(self, node: ast.AST, scope: ast.AST, seen: frozenset[str] = frozenset()) -> list[str]:
        """What an expression can be; VALUE where no text is known."""

        def of(*nodes: ast.AST) -> list[str]:
            return [text for inner in nodes for text in self.texts(inner, scope, seen)]

        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr():
                return ["".join(pieces) for pieces in product(*(of(part) for part in node.values))]
            case ast.FormattedValue():
                return of(node.value)
            case ast.BinOp(op=ast.Add()):
                return ["".join(pieces) for pieces in product(of(node.left), of(node.right))]
            case ast.IfExp():
                return of(node.body, node.orelse)
            case ast.BoolOp() | ast.Dict():
                return of(*node.values)
            case ast.Tuple() | ast.List():
                return of(*node.elts)
            case ast.Call(func=ast.Attribute(attr="get", value=ast.Name() as mapping), args=[_, otherwise]):
                return of(mapping, otherwise)
            case ast.Call(func=ast.Attribute(attr="join", value=ast.Constant(value="; ")), args=[ast.List() as listed]):
                return of(listed)
            case ast.Name() if node.id not in seen:
                found = self.values(node.id, scope)
                return [text for value, at in found for text in self.texts(value, at, seen | {node.id})] or [VALUE]
        return [VALUE]

    def values(self, name: str, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """What a name can be, and where: assigned to it, run through by a loop over a literal, or handed over."""
        for where in (scope, self.module):
            for node in ast.walk(where) if where is not self.module else where.body:
                match node:
                    case ast.Assign(targets=[ast.Name(id=target)]) | ast.AugAssign(target=ast.Name(id=target)):
                        yield from [(node.value, where)] if target == name else []
                    case (
                        ast.For(target=ast.Tuple(elts=targets), iter=ast.Tuple(elts=rows))
                        | ast.comprehension(target=ast.Tuple(elts=targets), iter=ast.Tuple(elts=rows))
                    ):
                        places = [n for n, part in enumerate(targets) if getattr(part, "id", None) == name]
                        yield from ((row.elts[n], where) for row in rows for n in places)
        if isinstance(scope, ast.FunctionDef):
            names = [argument.arg for argument in scope.args.args if argument.arg != "self"]
            if name in names:
                defaults = dict(zip(reversed(names), reversed(scope.args.defaults), strict=False))
                yield from [(defaults[name], scope)] if name in defaults else []
                for _, call in self.calls(scope.name):
                    if names.index(name) < len(call.args):
                        yield call.args[names.index(name)], self.within(call)


@cache
def told() -> frozenset[tuple[str, str, str]]:
    """(file, function, text) of everything that is said about a file."""
    found = []
    for source in [Source(path) for path in INGEST.glob("*.py") if path.name not in NO_LOAD]:
        for name, call in source.calls(*TELLERS):
            function = getattr(source.within(call), "name", "")
            of_a_verb = name == "UserError" and source.name.removesuffix(".py") in VERBS
            if not of_a_verb and function not in ASIDE:
                found += [(source.name, function, text) for text in source.arguments(call, TELLERS[name])]
        for function in source.functions:
            if function.name in RETURNED.get(source.name, ()):
                ends = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
                found += [(source.name, function.name, text) for end in ends for text in source.texts(end, function)]
    for source in (Source(INGEST / "ledger.py"), Source(Path(gatekeeper.__file__))):  # why a delivery is held
        for _, call in source.calls("append"):
            found += [(source.name, source.within(call).name, text) for text in source.arguments(call, (0,))]
    return frozenset(found)

"""What the source code of ingest says of files: which calls it makes, and the texts that stand in them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from ingest.contracts import messages

INGEST = Path(messages.__file__).parents[1]


def calls(path: Path) -> Iterator[tuple[str, str, ast.Call]]:
    """(function around it, name, call) of each call in a module."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            around = [f for f in functions if f.lineno <= node.lineno <= f.end_lineno]
            within = max(around, key=lambda f: f.lineno).name if around else ""
            yield within, getattr(node.func, "id", getattr(node.func, "attr", "")), node


def texts(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The texts that an expression can be, as they stand there; what a call gives is none."""
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            yield node
        case ast.IfExp():
            yield from (*texts(node.body), *texts(node.orelse))
        case ast.BinOp() | ast.BoolOp() | ast.Dict() | ast.List() | ast.Tuple():
            yield from (text for part in ast.iter_child_nodes(node) for text in texts(part))

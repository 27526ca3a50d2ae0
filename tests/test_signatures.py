"""Functions below the command line and tasks take a connection and the values that they need, not all settings.

What is left of the other form is counted here, and may only become less: docs/decisions/one-connection.md.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.test_house import CODE_ROOMS, tracked

MOST_SETTINGS, MOST_CONNECTIONS = 351, 88
"""Parameters that are `settings: Settings`, and places that connect to a database. Lower them with the code.

The commands `verify` and `release-key` brought five, `release`, `recall` and `recipients` three, `stack connection`
one: a command is handed all settings. One is the desk at which releases are made; `lagebild.read` and
`lagebild.compare` connect, as an analyst has nothing but them.
"""
SLACK = 5
"""So many less may there be before the numbers above must be lowered."""
MANY = {"lagebild/warehouse/build.py": 6, "ingest/loading/load.py": 1, "expectations/gate.py": 0}
"""Places that connect, in the files that a build and a delivery go through."""
CONNECTS = ("database.connect", "psycopg.connect")


def of_settings(tree: ast.AST) -> int:
    """Parameters with all settings."""
    notes = (node.annotation for node in ast.walk(tree) if isinstance(node, ast.arg) and node.annotation)
    return sum(ast.unparse(note).strip("'\"") == "Settings" for note in notes)


def of_connections(tree: ast.AST) -> int:
    """Calls that connect."""
    return sum(isinstance(node, ast.Call) and ast.unparse(node.func) in CONNECTS for node in ast.walk(tree))


def judged(found: int, most: int) -> str:
    """What is wrong with a count; empty where nothing is."""
    if found > most:
        return f"{found}, and there were {most}: take a connection, or the values that are needed"
    return f"{found}: lower the number of this test from {most}" if found < most - SLACK else ""


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.AST]:
    files = [path for room in (*CODE_ROOMS, "docker") for path in tracked(room) if path.suffix == ".py"]
    root = Path(__file__).parent.parent
    return {str(path.relative_to(root)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def test_settings_and_connections_in_signatures_only_become_fewer(trees):
    settings, connections = (sum(map(count, trees.values())) for count in (of_settings, of_connections))
    assert (judged(settings, MOST_SETTINGS), judged(connections, MOST_CONNECTIONS)) == ("", "")


def test_a_build_and_a_load_are_handed_their_connection(trees):
    found = Counter({name: of_connections(trees[name]) for name in MANY})
    assert {name for name, most in MANY.items() if found[name] > most} == set()


def test_one_more_of_either_is_found():
    planted = ast.parse(
        'def f(settings: "Settings"):\n    with database.connect(settings) as connection:\n        pass'
    )
    assert (of_settings(planted), of_connections(planted)) == (1, 1)
    assert "take a connection" in judged(11, 10) and "lower" in judged(3, 10) and judged(10, 10) == judged(6, 10) == ""

"""Which models, tests and consumers a change of the dbt project reaches: `make changed`, and a step of CI.

    python -m tests.changed_models [BASE]

Compares the project as it is with that of a commit (by default where this branch left main, and on main the commit
before), by dbt's `state:modified+`. No database is asked. Exit codes: 0 listed, 1 dbt could not parse one of the two,
2 there is no such commit here.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lagebild.core.settings import DBT_PROJECT, ROOT

KINDS = {
    "seed": "seeds", "model": "models", "test": "data tests", "unit_test": "unit tests", "exposure": "consumers hit",
}  # fmt: skip
MAIN = ("origin/main", "main")


def base_of(root: Path = ROOT, environment: Mapping[str, str] = os.environ) -> str | None:
    """The commit to compare with; None where this clone has too little of the history."""
    named = environment.get("GITHUB_BASE_REF")
    for main in (f"origin/{named}",) if named else MAIN:
        left = _git(root, "merge-base", "HEAD", main)
        if left and left != _git(root, "rev-parse", "HEAD"):
            return left
    return _git(root, "rev-parse", "--verify", "HEAD~1")


def reached(base: Path, now: Path = DBT_PROJECT) -> dict[str, list[str]]:
    """By kind of dbt's, the names of what differs between two projects, and of all behind it.

    CalledProcessError if dbt cannot parse one of them; its output is in the error.
    """
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state")
        _dbt(base, state, "parse")
        options = ["--select", "state:modified+", "--state", state, "--quiet", "--output", "json"]
        options += ["--output-keys", "name", "resource_type"]
        listed = [json.loads(line) for line in _dbt(now, Path(folder, "now"), "ls", *options).splitlines()]
    return {kind: sorted(one["name"] for one in listed if one["resource_type"] == kind) for kind in KINDS}


def as_text(found: Mapping[str, Sequence[str]]) -> str:
    """A line a kind, with the names of what a person looks at; tests are counted."""
    if not any(found.values()):
        return "no model, seed, test or consumer is reached"
    lines = []
    for kind, names in found.items():
        listed = "" if kind in ("test", "unit_test") or not names else f": {', '.join(names)}"
        lines.append(f"{KINDS[kind]}: {len(names)}{listed}")
    return "\n".join(lines)


def project_at(commit: str, folder: Path, root: Path = ROOT) -> Path:
    """The dbt project of a commit, written below a folder."""
    packed = folder / "project.tar"
    subprocess.run(["git", "archive", "--output", packed, commit, "dbt_project"], cwd=root, check=True)
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder / "dbt_project"


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    return done.stdout.strip() or None if done.returncode == 0 else None


def _dbt(project: Path, target: Path, *arguments: str | Path) -> str:
    places = ["--project-dir", project, "--profiles-dir", project, "--target-path", target, "--log-path", target]
    command = [Path(sys.executable).with_name("dbt"), *arguments, *places]
    quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, env=os.environ | quiet, capture_output=True, text=True)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    base = _git(ROOT, "rev-parse", "--verify", f"{arguments[0]}^{{commit}}") if arguments else base_of()
    if base is None:
        print(f"no commit {arguments[0] if arguments else 'to compare with'} here: git fetch", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = reached(project_at(base, Path(folder)))
    except subprocess.CalledProcessError as error:
        print(f"dbt could not parse\n{error.stdout or ''}{error.stderr or ''}", file=sys.stderr)
        return 1
    print(f"dbt project beside {base[:12]}:\n{as_text(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`.ci/run` and `.ci/nightly` end well only if every step did; `make` and what it makes are stand-ins here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lagebild.core.settings import ROOT

# Notes each call; fails for the target in $FAIL; a test target ends as pytest does; `run` leaves an environment.
MAKE = """#!/bin/sh
for word; do
    if [ "$before" = -C ]; then cd "$word"; fi
    case $before:$word in -C:*|*:-*|*:*=*) ;; *) target=$word ;; esac
    before=$word
done
set -- "$target"
echo "$1 $([ -f .git/is-the-checkout ] && echo here || echo clone)" >> "$CALLS"
case $1 in
test*) echo "============ 7 passed, 1 skipped in 3.21s (0:00:03) ============" ;;
audit) [ -z "$UNSEEN" ] || { mkdir -p .lagebild; touch .lagebild/audit-could-not-look; } ;;
status) echo "  cluster:      $PWD/.lagebild/postgres/data" ;;
run)
    mkdir -p .venv/bin
    printf '#!/bin/sh\\necho "python $*" >> "$CALLS"\\n[ "$FAIL" != figures ]\\n' > .venv/bin/python
    printf '#!/bin/sh\\necho "lagebild $*" >> "$CALLS"\\n[ "$FAIL" != rebuild ]\\n' > .venv/bin/lagebild
    chmod +x .venv/bin/python .venv/bin/lagebild ;;
esac
[ "$1" != "$FAIL" ]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository that has the scripts, and a folder for PATH with the stand-ins."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    git = ["git", "-C", folder, "-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *arguments], check=True)
    (folder / ".git" / "is-the-checkout").touch()
    for name, text in (("make", MAKE), ("apt-get", "#!/bin/sh\nexit 1\n")):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return folder


def ci(checkout: Path, script: str, *steps: str, fail: str = "") -> tuple[int, list[str], str]:
    """Exit code, calls of make and python, and what was printed."""
    calls, temporary = checkout.parent / "calls", checkout.parent / "tmp"
    calls.write_text("")
    temporary.mkdir(exist_ok=True)
    own = {"PATH": f"{checkout.parent / 'bin'}:/usr/bin:/bin", "CALLS": str(calls), "FAIL": fail}
    result = subprocess.run(
        [checkout / ".ci" / script, *steps], env=os.environ | own | {"TMPDIR": str(temporary)}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert list(temporary.iterdir()) == []  # clones and logs are gone, whatever happened
    return result.returncode, calls.read_text().splitlines(), result.stdout


REBUILT = "lagebild release --rebuild 1 --to .lagebild/rebuilt"
AGAIN = f"{REBUILT}-elsewhere/again"
LEFT = ["status clone", "down clone"]
FIRST_RUN = ["environment clone", "run clone", "python -m tests.figures", REBUILT, AGAIN, *LEFT]


def test_all_steps_are_done_timed_and_counted(checkout):
    code, calls, printed = ci(checkout, "run")
    assert (code, calls) == (0, ["lint here", "test here", *FIRST_RUN])
    seen = printed[printed.index("== seen") :].splitlines()[1:]
    wanted = [r"lint +\d+ s  ok", r"tests +\d+ s  ok", r"=+ 7 passed, 1 skipped in 3.21s \(0:00:03\) =+",
              r"first-run +\d+ s  ok", r"all +\d+ s  ok"]  # fmt: skip
    assert len(seen) == len(wanted)
    assert all(re.fullmatch(pattern, line) for pattern, line in zip(wanted, seen, strict=True)), seen


@pytest.mark.parametrize(
    ("fail", "called"),
    [
        ("lint", ["lint here"]),
        ("test", ["lint here", "test here"]),
        ("environment", ["lint here", "test here", "environment clone", "status clone", "down clone"]),
        ("run", ["lint here", "test here", "environment clone", "run clone", "status clone", "down clone"]),
        ("figures", ["lint here", "test here", *FIRST_RUN[:3], *LEFT]),
        ("rebuild", ["lint here", "test here", *FIRST_RUN[:4], *LEFT]),
    ],
)
def test_the_first_step_that_fails_ends_it_and_what_was_started_is_stopped(checkout, fail, called):
    code, calls, printed = ci(checkout, "run", fail=fail)
    assert (code, calls) == (1, called)
    assert "FAILED" in printed.splitlines()[-1] and "FAILED" in printed.splitlines()[-2 if fail != "test" else -3]


def test_what_cannot_be_cleaned_up_does_not_hide_the_result(checkout):
    assert ci(checkout, "run", "first-run", fail="down")[0] == 0
    assert ci(checkout, "run", "first-run", fail="status")[0] == 0
    assert ci(checkout, "run", "first-run", fail="run")[0] == 1


def test_jobs_can_be_run_side_by_side(checkout):
    code, calls, printed = ci(checkout, "run", "unit", "warehouse", "end-to-end")
    assert (code, calls) == (0, ["test-unit here", "test-warehouse here", "test-end-to-end here"])
    assert printed.count("7 passed, 1 skipped") == 6
    code, calls, _ = ci(checkout, "run", "unit", fail="test-unit")
    assert (code, calls) == (1, ["test-unit here"])


def test_the_nightly_run_does_all_steps_and_fails_if_one_did(checkout, monkeypatch):
    steps = [
        "test here",
        "faults here",
        "mutants here",
        "life here",
        "disclosure here",
        "docker-test here",
        "run here",
        "bi here",
        "bi-test here",
        "down here",
        "audit here",
        "bench here",
    ]
    code, calls, printed = ci(checkout, "nightly")
    assert (code, calls) == (0, steps)
    assert re.search(r"^faults +\d+ s  ok$", printed, re.MULTILINE)
    for fail in ("test", "faults", "mutants", "life", "disclosure", "docker-test", "bi-test", "audit", "bench"):
        code, calls, printed = ci(checkout, "nightly", fail=fail)
        assert (code, calls) == (1, steps)
        assert re.search(rf"^{fail.removesuffix('-test')}s? +\d+ s  FAILED", printed, re.MULTILINE)
    monkeypatch.setenv("UNSEEN", "1")
    code, _, printed = ci(checkout, "nightly", "audit", fail="audit")
    assert code == 0 and "audit: COULD NOT LOOK" in printed.partition("== seen")[2]  # never without a word
    assert ci(checkout, "nightly", "mutants")[:2] == (0, ["mutants here"])
    assert ci(checkout, "nightly", "mutants", fail="mutants")[0] == 1


@pytest.mark.parametrize("script", ["run", "nightly"])
def test_a_step_that_is_not_there_does_nothing(checkout, script):
    code, calls, printed = ci(checkout, script, "lnt")
    assert (code, calls) == (2, []) and "no step lnt; there are:" in printed


def test_the_workflow_runs_every_step_there_is():
    path = ROOT / ".github" / "workflows" / "ci.yml"
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    jobs = yaml.safe_load(path.read_text())["jobs"]
    for script, job in (("run", "run"), ("nightly", "nightly")):
        known = re.search(r"^chosen (.*) -- ", (ROOT / ".ci" / script).read_text(), re.MULTILINE)[1].split()
        assert sorted(jobs[job]["strategy"]["matrix"]["step"]) == sorted(set(known) - {"tests"})  # its three parts are
        assert jobs[job]["steps"][-1]["run"] == f".ci/{script} ${{{{ matrix.step }}}}"


def test_what_is_left_to_the_nightly_run_is_run_there():
    run, nightly = ((ROOT / ".ci" / script).read_text() for script in ("run", "nightly"))
    assert "-m 'not nightly'\" pytest_by test;" in run
    assert "step_tests() { sftp_server; tls_server; r_survey; office_programs; pytest_by test; }" in nightly
    assert "tests" in nightly.rpartition("wanted=(")[2]

"""Types, as `ty` sees them, against what was wrong when it came: `make types`; `--write` notes that there is less.

    python -m tests.type_check [--write]

What is known is counted by file and rule in `tests/fixtures/types.json`. More of anything fails; so does less, until
it is noted: the list only gets shorter. Exit codes: 0 as known, 1 not so, 2 `ty` could not run.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from lagebild.core.settings import ROOT

ROOMS = ("dags", "disclosure", "expectations", "extracts", "ingest", "lagebild")
KNOWN = Path(__file__).parent / "fixtures" / "types.json"
_LINE = re.compile(r"(?P<file>[^:\s]+\.py):(?P<line>\d+):\d+: (?:error|warning)\[(?P<rule>[\w-]+)\] (?P<said>.*)")


def told(folder: Path = ROOT, rooms: Iterable[str] = ROOMS) -> list[re.Match]:
    """Each line in which ty finds fault with the rooms of a folder; CalledProcessError where it cannot run."""
    python = Path(sys.executable)
    command = [python.with_name("ty"), "check", "--python", python.parent.parent, "--output-format", "concise", *rooms]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return [match for line in done.stdout.splitlines() if (match := _LINE.match(line))]


def counted(lines: Iterable[re.Match]) -> dict[str, int]:
    """How often each rule is broken in each file: `<file> <rule>`."""
    return dict(sorted(Counter(f"{line['file']} {line['rule']}" for line in lines).items()))


def differences(found: Mapping[str, int], known: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Files and rules of which there is more than known, and those of which there is less."""
    names = sorted(found.keys() | known.keys())
    more = [name for name in names if found.get(name, 0) > known.get(name, 0)]
    return more, [name for name in names if found.get(name, 0) < known.get(name, 0)]


def main(arguments: list[str]) -> int:
    try:
        lines = told()
    except subprocess.CalledProcessError as error:
        print(f"ty could not run:\n{error.stderr}", file=sys.stderr)
        return 2
    found, known = counted(lines), json.loads(KNOWN.read_text()) if KNOWN.exists() else {}
    more, less = differences(found, known)
    if "--write" in arguments and not more:
        KNOWN.write_text(json.dumps(found, indent=1) + "\n")
        less = []
    for name in more:
        file, rule = name.split(" ")
        print(f"{name}: {found[name]}, and {known.get(name, 0)} were known:")
        print(*(f"  {line[0]}" for line in lines if (line["file"], line["rule"]) == (file, rule)), sep="\n")
    if less:
        print(f"fewer than known, so note it (python -m tests.type_check --write): {', '.join(less)}")
    print(f"types: {sum(found.values())} of {sum(known.values())} known faults are left")
    return 1 if more or less else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

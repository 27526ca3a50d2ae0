"""What is installed from others: `make sbom` lists it, `make audit` asks whether something of it is known to be broken.

python -m tests.supply_chain sbom     write the bill of materials (CycloneDX) and docs/licences.md, from uv.lock
python -m tests.supply_chain audit    exit code 0: looked, and nothing is known; 1: something is; 3: could not look
"""

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lagebild import bootstrap
from lagebild.core.settings import ROOT

PAGE = ROOT / "docs" / "licences.md"
BILL = ROOT / ".lagebild" / "sbom.cdx.json"
SHIPPED = ("--no-dev", "--extra", "server", "--extra", "lineage")
"""What the image installs; a laptop has the same without the extras, and what tests need."""
UNSEEN = ROOT / ".lagebild" / "audit-could-not-look"
COULD_NOT_LOOK = 3
SAID_ELSEWHERE = {"openlineage-sql": "Apache-2.0"}
"""Licences of packages whose metadata state none: that of the repository that they and their siblings are made from."""
_HEAD = """# Licences

Every package that `docker/Dockerfile` installs, with its version in `uv.lock` and the licence that it states itself. \
Written by `make sbom`, which also writes the bill of materials (CycloneDX) to `.lagebild/sbom.cdx.json`; a test fails \
where this is not what `uv.lock` says. Lagebild's own licence: [EUPL-1.2](../LICENSE).

| package | version | licence |
|---|---|---|
"""


BI_PAGE = ROOT / "docs" / "licences-bi.md"
BI_REQUIREMENTS = ROOT / "bi" / "requirements.txt"
_BI_HEAD = """# Licences of the dashboards' environment

Every package that `make bi` installs into an environment of its own for Apache Superset, with its version in \
`bi/requirements.txt` and the licence that it states itself. Written by `make sbom` where that environment is there; a \
test fails where this is not what the file says.

| package | version | licence |
|---|---|---|
"""


class CannotError(Exception):
    """The text says what could not be done."""


def bill() -> dict:
    """CycloneDX 1.5 of what is shipped, as uv reads uv.lock, without what differs at each call."""
    said = _uv(
        "export", "--frozen", "--quiet", "--preview-features", "sbom-export", "--format", "cyclonedx1.5", *SHIPPED
    )
    if said.returncode:
        raise CannotError(f"uv export: {said.stderr.strip()}")
    made = json.loads(said.stdout)
    made.pop("serialNumber", None)
    made["metadata"].pop("timestamp", None)
    return made


def packages(made: dict) -> list[tuple[str, str]]:
    """Name and version of every package of the bill, sorted."""
    return sorted((component["name"], component["version"]) for component in made["components"])


def listed(page: str) -> dict[tuple[str, str], str]:
    """The licence by name and version, as the page has it."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    return {(name, version): licence for name, version, licence in rows if name != "package"}


def licence(metadata: importlib.metadata.PackageMetadata) -> str:
    """What a package says of its licence: the SPDX expression, else classifiers, else the first line of its text."""
    elsewhere = SAID_ELSEWHERE.get(re.sub(r"[-_.]+", "-", metadata["Name"]).lower())
    if expression := metadata.get("License-Expression") or elsewhere:
        return expression
    stated = [text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier") or [] if text.startswith("License")]
    stated = [text for text in stated if text != "OSI Approved"]
    text = (metadata.get("License") or "").strip().partition("\n")[0]
    found = " or ".join(sorted(set(stated))) or ("" if text == "UNKNOWN" else text)
    if not found:
        raise CannotError(
            f"{metadata['Name']} states no licence\n  what to do: read its files, and write it into SAID_ELSEWHERE"
        )
    return found.replace("|", "/")


def installed() -> dict[tuple[str, str], str]:
    """The licence of each package of this environment, by name as uv.lock has it and version."""
    return _stated(importlib.metadata.distributions())


def pinned(text: str) -> list[tuple[str, str]]:
    """Name and version of every package of a file of requirements, sorted."""
    return sorted(re.findall(r"^([\w.-]+)==([\w.!+-]+)", text, re.MULTILINE))


def write_dashboards(folder: Path) -> None:
    """Write the page of the dashboards' environment, which is at `folder`; CannotError where it is another one."""
    known = _stated(
        importlib.metadata.distributions(path=[str(one) for one in folder.glob("lib/python3*/site-packages")])
    )
    wanted = pinned(BI_REQUIREMENTS.read_text())
    missing = [name for name, version in wanted if (name, version) not in known]
    if missing:
        raise CannotError(f"{folder} lacks {', '.join(missing[:5])}: make bi makes it anew")
    rows = [f"| {name} | {version} | {known[name, version]} |\n" for name, version in wanted]
    BI_PAGE.write_text(_BI_HEAD + "".join(rows))
    print(f"{len(rows)} packages: {BI_PAGE.relative_to(ROOT)}")


def _stated(found) -> dict[tuple[str, str], str]:
    told = {}
    for distribution in found:
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        if name != "lagebild":
            told[name, distribution.version] = licence(distribution.metadata)
    return told


def write() -> None:
    """Write the page and the bill; what is not installed here is fetched into a temporary folder to be read."""
    made = bill()
    known = installed()
    for name, version in packages(made):
        if (name, version) not in known:
            with tempfile.TemporaryDirectory() as folder:
                # Some are for one version of Python only.
                options = ("--quiet", "--no-deps", "--target", folder, "--python-version")
                fetched = [
                    _uv("pip", "install", *options, python, f"{name}=={version}").returncode
                    for python in ("3.11", "3.13")
                ]
                if all(fetched):
                    raise CannotError(f"{name} {version} cannot be fetched to read its licence")
                known |= _stated(importlib.metadata.distributions(path=[folder]))
    rows = {pair: known[pair] for pair in packages(made)}
    PAGE.write_text(_HEAD + "".join(f"| {name} | {version} | {text} |\n" for (name, version), text in rows.items()))
    for component in made["components"]:
        component["licenses"] = [{"license": {"name": rows[component["name"], component["version"]]}}]
    BILL.parent.mkdir(parents=True, exist_ok=True)
    BILL.write_text(json.dumps(made, indent=1) + "\n")
    print(f"{len(rows)} packages: {PAGE.relative_to(ROOT)}, {BILL.relative_to(ROOT)}")


def audit() -> int:
    """Ask the database of known vulnerabilities about everything in uv.lock; the exit code."""
    UNSEEN.unlink(missing_ok=True)
    said = _uv("audit", "--frozen", "--preview-features", "audit")
    print(said.stdout + said.stderr, end="")
    if said.returncode in (0, 1):
        print("audit: nothing is known" if said.returncode == 0 else "audit: something is known, see above")
        return said.returncode
    UNSEEN.parent.mkdir(exist_ok=True)
    UNSEEN.touch()
    print("audit: COULD NOT LOOK; nothing is known about vulnerabilities, good or bad: run it where the internet is")
    return COULD_NOT_LOOK


def _uv(*arguments: str) -> subprocess.CompletedProcess:
    command = [*(bootstrap.find_uv() or bootstrap.fetch_uv()), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def main(arguments: list[str]) -> int:
    """The exit code of the command."""
    try:
        if arguments == ["audit"]:
            return audit()
        if arguments != ["sbom"]:
            print(__doc__)
            return 2
        write()
        if (venv := ROOT / ".lagebild" / "bi" / "venv").exists():
            write_dashboards(venv)
        return 0
    except CannotError as error:
        print(f"supply chain: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

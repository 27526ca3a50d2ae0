"""The units for a server: their form and hardening by systemd's own tool, and the program that they start."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lagebild.core.settings import ROOT
from lagebild.local import airflow, service

UNITS = ROOT / "docker" / "systemd"
TOOL = shutil.which("systemd-analyze")
needs_tool = pytest.mark.skipif(TOOL is None, reason="systemd-analyze is not here (Debian: package systemd)")
AIRFLOW = "lagebild-airflow@.service"
SERVICES = (
    "lagebild-prepare.service",
    "lagebild-health.service",
    *(f"lagebild-airflow@{n}.service" for n in service.COMMANDS),
)
EXPOSED = 20
"""Tenths, as `--threshold` counts; 100 is a unit without any of it."""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as installed, with this checkout in place of /opt/lagebild."""
    found = tmp_path / "system"
    shutil.copytree(UNITS, found)
    for path in found.glob("*.service"):
        path.write_text(path.read_text().replace("/opt/lagebild", str(ROOT)))
    for name in service.COMMANDS:
        shutil.copy(found / AIRFLOW, found / AIRFLOW.replace("@", f"@{name}"))
    return found


def analyze(units: Path, *arguments: str | Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"SYSTEMD_UNIT_PATH": f"{units}:"}  # the system's own behind it
    return subprocess.run([TOOL, *arguments], env=environment, capture_output=True, text=True)


@needs_tool
def test_systemd_finds_nothing_wrong_with_the_units(units):
    names = [path for path in sorted(units.iterdir()) if path.is_file() and path.name != AIRFLOW]
    result = analyze(units, "verify", "--man=no", *names)
    assert (result.returncode, result.stderr) == (0, "")
    wrong = units / "lagebild-health.timer"
    wrong.write_text(wrong.read_text().replace("OnUnitActiveSec=5min", "OnUnitActiveSec=often"))
    assert "often" in analyze(units, "verify", "--man=no", wrong).stderr


@needs_tool
def test_each_service_is_closed(units):
    def judged(name: str) -> subprocess.CompletedProcess:
        return analyze(units, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSED}", units / name)

    assert [name for name in SERVICES if judged(name).returncode] == []
    (units / "lagebild-.service.d" / "hardening.conf").unlink()
    assert judged(SERVICES[0]).returncode  # it is what closes them


def test_the_hardening_says_what_it_must():
    text = (UNITS / "lagebild-.service.d" / "hardening.conf").read_text()
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "UMask=0077", "ProtectHome=yes"):
        assert f"\n{line}\n" in text


def test_every_program_of_the_units_is_there():
    started = re.findall(
        r"^ExecStart=/opt/lagebild/(\S+) (.*)$", "".join(p.read_text() for p in UNITS.glob("*.service")), re.M
    )
    assert len(started) == len(list(UNITS.glob("*.service")))
    for program, arguments in started:
        assert (ROOT / program).exists(), program
        if "service" in arguments:
            assert arguments.removeprefix("-m lagebild.local.service ") in ("prepare", "%i")
    wanted = re.findall(r"lagebild-airflow@([\w-]+)\.service", (UNITS / "lagebild.target").read_text())
    assert set(wanted) == set(service.COMMANDS) == set(airflow.COMPONENTS) - {airflow.PARENT}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    own = {name: value for name, value in os.environ.items() if not name.startswith("LAGEBILD_")}
    command = [sys.executable, "-m", "lagebild.local.service", *arguments]
    return subprocess.run(command, env=own | environment, cwd=ROOT, capture_output=True, text=True)


def test_a_service_says_what_is_missing(tmp_path):
    assert run().returncode == run("worker").returncode == 2
    bare = run("prepare", LAGEBILD_HOME=str(tmp_path))
    assert bare.returncode == 1 and "Traceback" not in bare.stderr
    for name in ("LAGEBILD_WAREHOUSE_DSN", "LAGEBILD_AIRFLOW_PORT", "LAGEBILD_DEMO=0", "what to do"):
        assert name in bare.stderr

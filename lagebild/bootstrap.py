"""Create the Python environment in `.venv` from `uv.lock`. Runs before it exists: standard library only.

    python3 lagebild/bootstrap.py            create or update it; takes milliseconds if nothing changed
    python3 lagebild/bootstrap.py --check    only check whether it is up to date (exit code 0 or 1)

Everything is written inside the checkout, except uv's own download cache.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".lagebild" / "tools"
STAMP = ROOT / ".lagebild" / "environment"
LOG = ROOT / ".lagebild" / "logs" / "environment.log"
PYTHON = ROOT / ".venv" / "bin" / "python"
KERNELS = "ingest/reading/kernels.py"
MADE_FROM = ("uv.lock", "pyproject.toml", "lagebild/bootstrap.py", KERNELS)
OLDEST, NEWEST = (3, 11), (3, 13)
UV_VERSION = (0, 13, 9)
UV = f"uv=={'.'.join(map(str, UV_VERSION))}"


class CannotError(Exception):
    """The environment cannot be created; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Exit code: 0 the environment is there, 1 it is not (the reason was printed)."""
    try:
        check_python(sys.version_info[:2])
        if "--check" in arguments:
            return 0 if PYTHON.exists() else 1
        if is_current(stamp()):
            return 0
        sync(find_uv() or fetch_uv())
        compile_loops()
        STAMP.parent.mkdir(parents=True, exist_ok=True)
        STAMP.write_text(stamp())
        return 0
    except CannotError as error:
        print(f"lagebild: {error}", file=sys.stderr)
        return 1


def check_python(version: tuple[int, int]) -> None:
    """Raise CannotError if the lock does not support this Python."""
    if not OLDEST <= version <= NEWEST:
        found, oldest, newest = (".".join(map(str, numbers)) for numbers in (version, OLDEST, NEWEST))
        raise CannotError(
            f"python3 is Python {found}, and Python {oldest} to {newest} is needed\n"
            f"  what to do: install one (such as: apt install python{oldest} python{oldest}-venv), then\n"
            f"              make PYTHON=python{oldest} run"
        )


def stamp() -> str:
    """What the environment was made from: lock files, interpreter and path."""
    digest = hashlib.sha256()
    for name in MADE_FROM:
        digest.update((ROOT / name).read_bytes())
    return f"{digest.hexdigest()} {sys.version_info[0]}.{sys.version_info[1]} {ROOT}\n"


def is_current(wanted: str) -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted


def find_uv() -> list[str] | None:
    """The command for uv: the one on PATH, else the one fetched before; None if none is new enough for the lock."""
    paths = (shutil.which("uv"), TOOLS / "venv" / "bin" / "uv", TOOLS / "target" / "bin" / "uv")
    return next(([str(path)] for path in paths if path and _uv_version([str(path)])[:2] >= UV_VERSION[:2]), None)


def fetch_uv() -> list[str]:
    """Fetch uv from PyPI into `.lagebild/tools`: with a venv of its own, else with the system's pip."""
    print(f"fetching {UV} into {TOOLS.relative_to(ROOT)}", flush=True)
    TOOLS.mkdir(parents=True, exist_ok=True)
    reasons = []
    for attempt in (_uv_in_venv, _uv_by_pip):
        try:
            command = attempt()
            if _uv_version(command):
                return command
        except (OSError, subprocess.CalledProcessError) as error:
            reasons.append(_last_line(error))
    if _has("ensurepip") or _has("pip"):
        raise CannotError(
            f"uv could not be fetched: {'; '.join(filter(None, reasons))}\n"
            "  what to do: check the connection to the Python package index (a proxy: HTTPS_PROXY), then again"
        )
    raise CannotError(
        "there is neither uv nor pip nor venv on this machine\n"
        "  what to do: apt install python3-venv   (this one package; as root, or with sudo), then again"
    )


def sync(uv: list[str]) -> None:
    """Make `.venv` exactly what `uv.lock` says, with the Python that runs this. What uv says is kept in a file: it
    names every package.
    """
    print("making the environment from uv.lock (the first time this downloads about 500 MB)", flush=True)
    # An active environment of the user must not be mistaken for ours.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(ROOT / ".venv")}
    # Otherwise the first run compiles all imports; and if Python may not write bytecode, every start does and takes
    # twice as long. Compiling takes about 13 s on 2 cores, once.
    environment["UV_COMPILE_BYTECODE"] = "1"
    # The interpreter behind a venv: an environment must not depend on a venv that may be deleted.
    python = getattr(sys, "_base_executable", None) or sys.executable
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with open(LOG, "w") as log:
        command = [*uv, "sync", "--locked", "--python", python]
        code = watched(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT))
    if code:
        said = "\n".join(f"  {line}" for line in LOG.read_text(errors="replace").splitlines()[-15:])
        raise CannotError(
            f"uv could not make the environment:\n{said}\n"
            "  what to do: check the connection to the Python package index and the space on the disk, then again"
        )


def watched(process: subprocess.Popen) -> int:
    """Wait for a process; its exit code. A terminal shows the seconds, a log gets a line after 1, 2, 4, ... minutes."""
    began, told = time.monotonic(), 30.0
    while True:
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            passed = time.monotonic() - began
            if sys.stdout.isatty():
                print(f"\r  {passed:.0f} s", end="\r", flush=True)
            elif passed >= 2 * told:
                told = passed
                print(f"  ... {passed:.0f} s (log: {LOG.relative_to(ROOT)})", flush=True)


def compile_loops() -> None:
    """Let numba compile the loader's loops now (seconds), so that no load has to wait for it."""
    print(f"compiling {KERNELS}", flush=True)
    if subprocess.run([PYTHON, "-c", "import ingest.reading.kernels"], cwd=ROOT, check=False).returncode:
        raise CannotError(
            f"{KERNELS} could not be compiled; the reason is above\n  what to do: rm -r .venv, then again"
        )


def _uv_in_venv() -> list[str]:
    folder = TOOLS / "venv"
    shutil.rmtree(folder, ignore_errors=True)
    _quietly([sys.executable, "-m", "venv", str(folder)])
    _quietly([str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", UV])
    return [str(folder / "bin" / "uv")]


def _uv_by_pip() -> list[str]:
    folder = TOOLS / "target"
    shutil.rmtree(folder, ignore_errors=True)
    install = ["install", "--disable-pip-version-check", "--target", str(folder), UV]
    _quietly([sys.executable, "-m", "pip", *install])
    return [str(folder / "bin" / "uv")]


def _quietly(command: list[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _uv_version(command: list[str]) -> tuple[int, ...]:
    """The version of this uv, (0, 13, 9); empty if it does not start."""
    try:
        text = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ()
    match = re.match(r"uv (\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else ()


def _has(module: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def _last_line(error: Exception) -> str:
    output = getattr(error, "output", None) or b""
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

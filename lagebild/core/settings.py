"""Every setting of Lagebild, defined once, and read from the environment (and `.env` beside it).

A field of `Settings` is a variable with its form, default, unit, text, and readers; `OTHERS` are the variables that are
no field. `.env.example` and docs/settings.md are written from both (`lagebild/core/settings_pages.py`), Airflow's
processes are given them (`Settings.variables`), and tests hold compose file, image and systemd units against them.
Why no pydantic-settings: docs/decisions/settings.md.
"""

# ruff: noqa: RUF009 - `setting` makes a field, as `field` does

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lagebild.core.errors import UserError, did_you_mean
from lagebild.core.variables import (
    AIRFLOW,
    CLASS_PATH,
    COMMANDS,
    COMPOSE,
    DBT,
    FOLDER,
    HOST,
    INBOXES,
    JSON_OBJECT,
    NAMES,
    PORT,
    PREFIX,
    SECONDS,
    TEXT,
    TEXT_OR_NONE,
    WAREHOUSE,
    Form,
    Variable,
    days,
    flag,
    one_of,
    url,
    written,
)

ROOT = Path(__file__).resolve().parents[2]
BERLIN = ZoneInfo("Europe/Berlin")
"""Time zone of days and schedules."""
DBT_PROJECT = ROOT / "dbt_project"
DEMO_GENESIS, DEMO_SFTP, DEMO_USER = "demo_genesis", "demo_sftp", "lagebild-demo"
"""The demo's suppliers on 127.0.0.1 (`lagebild/local/demo.py`): names of their ports, and the login."""
DEMO_REPLIES = ROOT / "ingest" / "bundled" / "replies"
"""What the demo's service answers, `<host>/<table>.<years>.csv`."""
WAREHOUSE_DATABASE = "lagebild"
AIRFLOW_DATABASE = "lagebild_airflow"

STATE, WHOSE, PLACES, ALERTS, PULLING, INBOX, UPKEEP, CONTAINERS = (
    "What kind of installation", "Folders, and whose data it is", "Databases and ports", "Who is told",
    "What is pulled", "What is received", "Upkeep", "Containers and commands",
)  # fmt: skip


def setting(
    name: str,
    form: Form,
    about: str,
    heading: str,
    value: Any = MISSING,
    make: Callable[[], Any] | None = None,
    **more: Any,
) -> Any:
    """A field of Settings, and the variable LAGEBILD_<name> that it is read from.

    `value` is what a field has where it is left out in code, `make` makes it; what is secret is in no `repr`.
    """
    variable = Variable(PREFIX + name, form, " ".join(about.split()), heading, **more)
    default = {"default_factory": make, "hash": False} if make else {} if value is MISSING else {"default": value}
    return field(**default, repr=not variable.is_secret, metadata={"variable": variable})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Folders of the state, and addresses of servers."""

    # fmt: off
    home: Path = setting(
        "HOME", FOLDER, "State folder: database, drop folder, landing zone, keys, secrets, extracts, logs.", STATE,
        default=".lagebild", fixed_in=("compose", "systemd"),
    )
    demo: bool = setting(
        "DEMO", flag("set 0 (own files) or 1 (bundled files)"),
        """1: bundled deliveries (real published figures and marked synthetic ones) are put into the drop folder.
        0: your own files only. A warehouse holds the one or the other, never both.""", STATE,
        default="1", fixed_in=("compose",),
    )
    practice: bool = setting(
        "PRACTICE", flag("set 0 (real data) or 1 (made-up rows)"),
        """1: own files may hold rows marked synthetic, as the runbooks' examples do: a warehouse for practising (beside
        LAGEBILD_DEMO=0). 0: a delivery with such a row is refused, so that no made-up row comes between real ones.""",
        STATE, False, default="0",
    )
    publish: str | None = setting(
        "PUBLISH", one_of("ask", "auto"),
        """Whether a build that passed its checks is published by itself. ask: its marts wait; nothing is published, and
        so no extract released, before somebody says so (lagebild publication publish, or DAG publish in Airflow).
        auto: what passes is published.""", STATE, None,
        otherwise="ask with your own files, auto in the demo", example="ask",
    )
    drop: Path = setting(
        "DROP_DIR", FOLDER, "Drop folder: where suppliers put their files, one sub-folder a source.", WHOSE,
        default="$LAGEBILD_HOME/drop", fixed_in=("compose",),
    )
    landing: Path = setting(
        "LANDING_DIR", FOLDER, "Landing zone: unchanged copies of every delivery.", WHOSE,
        default="$LAGEBILD_HOME/landing", fixed_in=("compose",),
    )
    keys: Path = setting(
        "KEYS_DIR", FOLDER,
        "Pseudonym keys, one a municipality and purpose. Back them up apart from the database.", WHOSE,
        default="$LAGEBILD_HOME/keys", fixed_in=("compose",),
    )
    config_dir: Path | None = setting(
        "CONFIG_DIR", FOLDER,
        """Your city's own configuration, outside the product's files, in every backup, and kept by an upgrade: rows of
        the method's tables (cost_mapping.csv, municipal_circumstance.csv), names of your city districts
        (city_district.csv), how your files differ (contracts/<source>.yml), what you pull (catalogue.yml), sources of
        your own (sources/<source>/contract.yml). How: docs/runbooks/own-configuration.md""", WHOSE, None,
        otherwise="$LAGEBILD_HOME/config", fixed_in=("compose",),
    )
    extracts: Path = setting(
        "EXTRACTS_DIR", FOLDER, "Packages for reviewers.", WHOSE,
        default="$LAGEBILD_HOME/extracts", fixed_in=("compose",),
    )
    publishers: dict[str, str] = setting(
        "PUBLISHER[_<SOURCE>]", TEXT,
        """Whose data the deliveries are, of all sources or of one: it stands in every extract, and without a publisher
        there is none of your own files.""", WHOSE, make=dict,
        shown=("LAGEBILD_PUBLISHER=Stadt Bochum, Kämmerei", "LAGEBILD_PUBLISHER_EMPLOYMENT=Bundesagentur für Arbeit"),
    )
    licences: dict[str, str] = setting(
        "LICENCE[_<SOURCE>]", TEXT,
        "Under which licence the data is (an identifier, an address or a text), of all sources or of one.", WHOSE,
        make=dict, shown=("LAGEBILD_LICENCE=DL-DE-BY-2.0",),
    )
    contact: str = setting(
        "CONTACT", TEXT,
        "Where readers of a release ask: a mail address or a page. It stands in every package.", WHOSE, "",
        example="statistik@example.org",
    )
    secrets: Path = setting(
        "SECRETS_DIR", FOLDER, "Passwords and signing keys, one file each, made at the first start.", WHOSE,
        default="$LAGEBILD_HOME/secrets", fixed_in=("compose",),
    )
    warehouse_dsn: str | None = setting(
        "WAREHOUSE_DSN", TEXT_OR_NONE,
        """A PostgreSQL (16 or newer) of your own in place of the embedded one. The user owns the database; where it may
        not create roles, lagebild warehouse migrate writes the SQL for an administrator. Every option of libpq
        holds for all programs.""", PLACES,
        otherwise="the embedded one", is_secret=True, compose=WAREHOUSE,
        example="postgresql://owner:password@db.example.org:5432/lagebild"
        "?sslmode=verify-full&sslrootcert=/etc/ssl/city.crt",
    )
    airflow_dsn: str | None = setting(
        "AIRFLOW_DSN", TEXT_OR_NONE, "Airflow's metadata database.", PLACES, is_secret=True,
        otherwise="a second database beside the warehouse, named <warehouse>_airflow", readers=(AIRFLOW,),
    )
    postgres_port: int | None = setting(
        "POSTGRES_PORT", PORT, "Port of the embedded PostgreSQL on 127.0.0.1.", PLACES,
        otherwise="a free one between 20000 and 29999, found once and kept", compose=HOST,
    )
    airflow_port: int | None = setting(
        "AIRFLOW_PORT", PORT, "Port of Airflow's pages on 127.0.0.1.", PLACES,
        otherwise="a free one between 20000 and 29999, found once and kept", readers=(AIRFLOW,),
    )
    alert_enabled: bool | None = setting(
        "ALERT_ENABLED", flag("set 0 or 1, or unset it"),
        """Whether anybody is told of late deliveries (lagebild delivery calendar) and of DAG runs that do not
        succeed in time. 1: yes; 0: nobody. The task's log is always told; mail and webhook where set.""", ALERTS, None,
        otherwise="yes with your own files, nobody in the demo",
    )
    alert_smtp: str | None = setting(
        "ALERT_SMTP", url("smtp", "smtps"),
        """Mail server: smtp:// uses TLS where offered, smtps:// always. A user's password is a file,
        alert_smtp_password, in the secrets folder; it is only sent over TLS.""", ALERTS, None,
        otherwise="no mail", example="smtp://lagebild@mail.example.org:587",
    )
    alert_from: str = setting(
        "ALERT_FROM", TEXT, "The sender of mails.", ALERTS, "", example="lagebild@example.org",
    )
    alert_to: str = setting(
        "ALERT_TO", TEXT, "Who gets mails: addresses, separated by commas.", ALERTS, "",
        example="statistics@example.org, data@example.org",
    )
    alert_webhook: str | None = setting(
        "ALERT_WEBHOOK", url("https", "http"),
        """A chat service's or your own address, to which JSON ({"text", "facts"}) is posted. Keep it secret: it is a
        password.""", ALERTS, None,
        otherwise="nothing is posted", example="https://chat.example.org/hooks/0123", is_secret=True, compose=WAREHOUSE,
    )
    host_urls: dict[str, str] = setting(
        "<HOST>_URL", url("https", "http"),
        """Another address in place of a host's own (ingest/pulls/hosts.py), scheme and host only: a service that
        moved, or the replaying server.""", PULLING, make=dict,
        shown=(
            "LAGEBILD_DESTATIS_URL=http://127.0.0.1:8090", "LAGEBILD_REGIONALSTATISTIK_URL=", "LAGEBILD_LDB_NRW_URL=",
            "LAGEBILD_ZENSUS2022_URL=",
        ),
    )
    pull: frozenset[str] = setting(
        "PULL", NAMES,
        """Hosts that scheduled runs may ask although the settings hold no login for them: those that need none, and
        those whose login is a connection of Airflow's. Names as in ingest/pulls/hosts.py.""", PULLING,
        frozenset(), example="ldb_nrw wegweiser",
    )
    inboxes: tuple[str, ...] = setting(
        "INBOXES", INBOXES,
        """Where else than in the drop folder people put files: SFTP and S3 stores, with spaces between them
        (docs/runbooks/receive-files.md). No password stands here: keys, passwords and the servers' known keys are files
        in the secrets folder.""", INBOX, (),
        example="sftp://lagebild@sftp.example.org/incoming s3://deliveries/incoming?endpoint=https://s3.example.org",
    )
    inbox_settle_seconds: float = setting(
        "INBOX_SETTLE_SECONDS", SECONDS,
        "A file without NAME.ok or NAME.sha256 beside it is taken when it lay unchanged for so many seconds.", INBOX,
        30, default="30",
    )
    receipt_days: int = setting(
        "RECEIPT_DAYS", days("730"),
        """A receipt is removed so many days after it was written last, unless its file still waits. Two years: who
        sends a file a year can look at the last one's when the next is due. Copies in taken/ go by `retention` of their
        contract.""", INBOX, 730, default="730",
    )
    unclaimed_days: int | None = setting(
        "UNCLAIMED_DAYS", days("60, or unset it"),
        """A file in an inbox that no contract claims is removed so many days after its receipt first said so. It is its
        sender's: `lagebild stack status` and the DAG watch_deliveries warn after 30 days
        (docs/decisions/inboxes.md).""",
        INBOX, None, otherwise="it stays", example="60",
    )
    airflow_log_days: int = setting(
        "AIRFLOW_LOG_DAYS", days("90"),
        """Airflow's own rows and logs of a run are removed so many days after it. The warehouse's ledger is another
        matter: it stays for good.""", UPKEEP, 90, default="90", readers=(AIRFLOW,),
    )
    secrets_backend: str | None = setting(
        "SECRETS_BACKEND", CLASS_PATH,
        """A store that Airflow asks for connections before its own: a class of one of its providers. Which, and how:
        docs/decisions/secrets-backend.md.""", PULLING, None, otherwise="Airflow's database",
        example="airflow.secrets.local_filesystem.LocalFilesystemBackend", readers=(AIRFLOW,), compose=WAREHOUSE,
    )
    secrets_backend_kwargs: str | None = setting(
        "SECRETS_BACKEND_KWARGS", JSON_OBJECT, "What that store is called with.", PULLING, None, otherwise="nothing",
        example='{"connections_file_path": "/run/secrets/connections.json"}', is_secret=True,
        readers=(AIRFLOW,), compose=WAREHOUSE,
    )
    metrics_endpoint: str | None = setting(
        "METRICS_ENDPOINT", url("http", "https"),
        """Where Airflow sends its metrics: a collector that takes OpenTelemetry over HTTP. What is in them, and a
        dashboard: docs/metrics.md.""", UPKEEP, None,
        otherwise="nowhere", example="http://collector.example.org:4318", readers=(AIRFLOW,),
    )
    lineage_file: Path | None = setting(
        "LINEAGE_FILE", FOLDER,
        """A file to which OpenLineage events of Airflow and dbt are written, a line each. Needs the extra `lineage`.
        What is in them: docs/lineage.md.""", UPKEEP, None,
        otherwise="nowhere", example=".lagebild/lineage.jsonl",
    )
    lineage_endpoint: str | None = setting(
        "LINEAGE_ENDPOINT", url("http", "https"),
        """A service that takes these events over HTTP, without the path /api/v1/lineage. Needs the extra `lineage`.""",
        UPKEEP, None, otherwise="nowhere", example="http://lineage.example.org:5000",
    )
    # fmt: on

    @property
    def config(self) -> Path:
        return self.config_dir or self.home / "config"

    @property
    def replayed(self) -> frozenset[str]:
        """What of the catalogue (`<table>` or `<table> <year>`) the demo's own service has; a demo asks no other."""
        return _replayed() if self.demo else frozenset()

    @property
    def publishes_unasked(self) -> bool:
        return self.demo if self.publish is None else self.publish == "auto"

    @property
    def sends_lineage(self) -> bool:
        return bool(self.lineage_file or self.lineage_endpoint)

    @property
    def sends_alerts(self) -> bool:
        return not self.demo if self.alert_enabled is None else self.alert_enabled

    def variables(self) -> dict[str, str]:
        """The settings as the variables they are read from, so that a process sees the same ones as its parent."""
        found = {}
        for name, variable in FIELDS.items():
            value = getattr(self, name)
            of = value if variable.is_family else {"": value}
            found |= {variable.named(key): written(one) for key, one in of.items()}
        return found

    def make_home(self) -> None:
        """Create the state folder if it does not exist. Only this user may list it.

        If this user is root, others may pass through: PostgreSQL's user has its cluster below it.
        """
        if not self.home.exists():
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.geteuid() == 0:
                self.home.chmod(0o711)

    def make_folders(self) -> None:
        """Create the folders of deliveries, keys, packages and configuration, for this user only."""
        for folder in (self.drop, self.landing, self.extracts, self.config, self.keys):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def secret(self, name: str) -> str:
        """Return the secret `name`; create it at first use if the folder is writable."""
        path = self.secrets / name
        if not path.exists():
            try:
                if self.home in self.secrets.parents:
                    self.make_home()
                self.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
                # O_EXCL: of two processes that start at once, one writes and the other reads.
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                return self.secret(name)
            except OSError as error:
                raise UserError(
                    f"the secret {path} is missing and cannot be created ({error.strerror})",
                    remedy=f"write a password into {path}, readable by this user only",
                ) from error
            with os.fdopen(descriptor, "w") as handle:
                from secrets import token_urlsafe  # late: needed only when a secret is created

                handle.write(token_urlsafe(32))
        return path.read_text().strip()

    def ports(self) -> dict[str, int]:
        """Ports chosen by the last `up`: `postgres`, `airflow`, and Airflow's log servers."""
        path = self.home / "ports.json"
        return json.loads(path.read_text()) if path.exists() else {}


def _login(part: str, about: str, shown: tuple[str, ...]) -> Variable:
    return Variable(
        f"{PREFIX}<HOST>_{part}", TEXT, about, PULLING, shown=shown, is_secret=part != "USER", compose=None,
        otherwise=f"the file <host>_{part.lower()} in the secrets folder",
    )  # fmt: skip


def _internal(name: str, reader: str, about: str) -> Variable:
    return Variable(PREFIX + name, TEXT, about, readers=(reader,), compose=None)


OTHERS = (
    _login(
        "USER",
        "Login of a service that sources are pulled from (each has its own accounts), or of an inbox: better as a file"
        " in the secrets folder. Hosts: destatis, regionalstatistik, ldb_nrw, zensus2022.",
        ("LAGEBILD_DESTATIS_USER=",),
    ),
    _login("PASSWORD", "The password of that login.", ("LAGEBILD_DESTATIS_PASSWORD=",)),
    _login(
        "TOKEN", "A token in place of user and password: enough to read, but it starts no jobs.",
        ("LAGEBILD_DESTATIS_TOKEN=",),
    ),
    Variable(
        f"{PREFIX}URL_<ENTRY>", TEXT,
        "An address that the catalogue of pulls leaves open, or another one in place of its own, by the entry's id"
        " (`lagebild source catalogue` names what is missing).",
        PULLING, otherwise="the catalogue's own",
        shown=(
            "LAGEBILD_URL_ESF_BAYERN=https://www.example.org/liste-der-vorhaben.csv", "LAGEBILD_URL_ESF_BERLIN=",
            "LAGEBILD_URL_ESF_BREMEN=", "LAGEBILD_URL_ESF_HESSEN=", "LAGEBILD_URL_ESF_NRW=",
            "LAGEBILD_URL_ESF_SACHSEN=",
        ),
    ),
    Variable(
        f"{PREFIX}RESOURCE_<ENTRY>", TEXT, "The id of a CKAN resource, likewise.", PULLING,
        otherwise="the catalogue's own", shown=("LAGEBILD_RESOURCE_OPEN_NRW_12521_03I=",),
    ),
    Variable(
        f"{PREFIX}WARM", flag("set 0, or unset it"),
        "0: each command runs in a process of its own, where the stack that is up would else run it, which is faster.",
        CONTAINERS, default="1", readers=(COMMANDS,), compose=None,
    ),
    Variable(
        "PYTHON_IMAGE", TEXT,
        "The image that ours begins with, by digest if wanted: docker/pin-images prints this line and the next.",
        CONTAINERS, default="python:3.11-slim-bookworm", readers=(COMPOSE,), compose=HOST,
    ),
    Variable(
        "POSTGRES_IMAGE", TEXT, "The image of PostgreSQL in containers.", CONTAINERS,
        default="postgres:18-bookworm", readers=(COMPOSE,), compose=HOST,
    ),
    Variable(
        "SCHEDULER_MEMORY", TEXT, "Memory of the scheduler's container and its tasks, which load and build.",
        CONTAINERS, default="8g", readers=(COMPOSE,), compose=HOST,
    ),
    _internal("BUILD_ID", DBT, "The build under way."),
    _internal("CODE_VERSION", DBT, "The version of the code."),
    _internal("DBT_<NAME>", DBT, "The builder's access to the warehouse, and how many threads."),
    _internal("COMPONENT", AIRFLOW, "Marks a process of Airflow's, and all that it forks, as ours."),
    _internal("SHARED", "tests", "Where recorded files lie."),
    _internal("TEST_<NAME>", "tests", "What the processes of a test run share."),
)  # fmt: skip
"""Variables that are no field of Settings: logins and addresses that are asked for by name, what others read."""

FIELDS: dict[str, Variable] = {one.name: one.metadata["variable"] for one in fields(Settings)}
"""The variable of each field of Settings."""
VARIABLES: tuple[Variable, ...] = (*FIELDS.values(), *OTHERS)
_NAMES = [name for one in VARIABLES if one.heading and (name := one.bare_name) and name.startswith(PREFIX)]
_INTERNAL = frozenset(one.name for one in VARIABLES if not one.heading)


def load(environment: dict[str, str] | None = None) -> Settings:
    """Read the settings; raise UserError that names the variable when one is malformed."""
    values = given(environment)
    _require_known(values)
    home = FOLDER.read("", values.get("LAGEBILD_HOME") or str(ROOT / ".lagebild"))

    def value(variable: Variable) -> Any:
        if variable.is_family:
            return {key: variable.form.read(name, text) for key, name, text in variable.given(values)}
        text = values.get(variable.name) or variable.default.replace("$LAGEBILD_HOME", str(home))
        return variable.form.read(variable.name, text)

    found = {name: value(variable) for name, variable in FIELDS.items()} | {"home": home}
    mail = [found[f"alert_{name}"] for name in ("smtp", "from", "to")]
    if any(mail) and not all(mail):
        names = "LAGEBILD_ALERT_SMTP, LAGEBILD_ALERT_FROM and LAGEBILD_ALERT_TO"
        raise UserError(f"mail needs {names}, and not all are set", remedy="set all three, or none")
    settings = Settings(**found)
    for name in ("publishers", "licences"):
        _require_sources(FIELDS[name], found[name], settings.config / "sources")
    return with_demo(settings)


@cache
def _replayed() -> frozenset[str]:
    return frozenset(path.stem.replace(".", " ").removesuffix(" all") for path in DEMO_REPLIES.glob("*/*.csv"))


def _require_known(names: Iterable[str]) -> None:
    """UserError for an unknown setting: a misspelt name would otherwise be ignored silently."""
    for name in names:
        if not name.upper().startswith(PREFIX) or name in _NAMES or name in _INTERNAL:
            continue
        if not any(one.is_family and one.pattern.fullmatch(name) for one in VARIABLES):
            meant = did_you_mean(name.upper(), _NAMES)
            raise UserError(f"{name} is no setting", remedy=f"{meant}.env.example names and explains each of them")


def _require_sources(variable: Variable, stated: dict[str, str], own: Path) -> None:
    """UserError for a variable of a source that there is not."""
    folders = (ROOT / "ingest" / "sources", own)
    known = [path.parent.name for folder in folders for path in folder.glob("*/contract.yml")]
    for source in sorted(set(stated) - {"", *known}):
        raise UserError(
            f"{variable.named(source)}: there is no source {source}",
            remedy=f"{did_you_mean(source, known)}one of: {', '.join(sorted(known))}",
        )


def with_demo(settings: Settings) -> Settings:
    """The settings with the demo's suppliers as service and inbox, once their ports are known."""
    ports = settings.ports()
    if not settings.demo or DEMO_SFTP not in ports:
        return settings
    inbox = f"sftp://{DEMO_USER}@127.0.0.1:{ports[DEMO_SFTP]}/upload"
    urls = {"destatis": f"http://127.0.0.1:{ports[DEMO_GENESIS]}"}
    inboxes = settings.inboxes if inbox in settings.inboxes else (*settings.inboxes, inbox)
    return replace(settings, inboxes=inboxes, host_urls=urls | settings.host_urls)


def given(environment: dict[str, str] | None = None) -> dict[str, str]:
    """The variables of `.env` and of the environment; the environment wins."""
    return _dotenv(ROOT / ".env") | dict(os.environ if environment is None else environment)


def _dotenv(path: Path) -> dict[str, str]:
    """The settings of a file of lines `NAME=value`; UserError for a line that names a setting but does not set it.

    If such a line were ignored, real data could end up in a demo. No value is repeated: it may be secret.
    """
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        name, equals, value = (part.strip() for part in line.strip().removeprefix("export ").partition("="))
        if name.startswith("#") or not re.search("lagebild", name, re.IGNORECASE):
            continue
        if not equals or not re.fullmatch(r"LAGEBILD_\w*", name):
            told = re.split(r"[\s:]", name.removeprefix("set "))[0]
            meant = did_you_mean(re.sub(r"\W", "_", told).upper(), _NAMES)
            raise UserError(
                f"{path}:{number}: {told} is set by no line of the form NAME=value",
                remedy=f"{meant}write LAGEBILD_NAME=value; .env.example names and explains each setting",
            )
        if name in found:
            raise UserError(f"{path}:{number}: {name} is set twice", remedy="leave one of the two lines")
        found[name] = value.strip("'\"")
    return found

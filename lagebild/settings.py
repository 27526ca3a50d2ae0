"""Every setting of Lagebild, read once from the environment (and `.env` beside it).

`.env.example` names and explains each variable. Paths default to folders below
`LAGEBILD_HOME`, which defaults to `.lagebild/` in the checkout.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from lagebild.errors import UserError, did_you_mean

ROOT = Path(__file__).resolve().parent.parent
BERLIN = ZoneInfo("Europe/Berlin")
"""The clock by which days begin and schedules run."""
DBT_PROJECT = ROOT / "dbt_project"
DEMO_GENESIS, DEMO_SFTP, DEMO_USER = "demo_genesis", "demo_sftp", "lagebild-demo"
"""The demo's suppliers on 127.0.0.1 (`lagebild/stack/demo.py`): names of their ports, and who logs in there."""
WAREHOUSE_DATABASE = "lagebild"
AIRFLOW_DATABASE = "lagebild_airflow"
_HOST_URL = re.compile("LAGEBILD_([A-Z0-9_]+)_URL")
_NAMES = [
    f"LAGEBILD_{name}"
    for name in (
        "HOME", "DROP_DIR", "LANDING_DIR", "KEYS_DIR", "EXTRACTS_DIR", "SECRETS_DIR", "WAREHOUSE_DSN", "AIRFLOW_DSN",
        "POSTGRES_PORT", "AIRFLOW_PORT", "DEMO", "ALERT_ENABLED", "ALERT_SMTP", "ALERT_FROM", "ALERT_TO",
        "ALERT_WEBHOOK", "PULL", "INBOXES", "INBOX_SETTLE_SECONDS", "RECEIPT_DAYS", "UNCLAIMED_DAYS",
        "AIRFLOW_LOG_DAYS", "PUBLISHER", "LICENCE", "WARM", "PRACTICE", "PUBLISH", "CONFIG_DIR",
        "METRICS_ENDPOINT", "LINEAGE_FILE", "LINEAGE_ENDPOINT",
    )
]  # fmt: skip
_FAMILIES = re.compile(
    "LAGEBILD_([A-Z0-9_]+_(URL|USER|PASSWORD|TOKEN)"  # services and inboxes, by name
    "|(URL|RESOURCE)_[A-Z0-9_]+"  # what the catalogue pulls
    "|(PUBLISHER|LICENCE)_[A-Z0-9_]+"  # of one source
    "|BUILD_ID|CODE_VERSION|DBT_[A-Z]+|SHARED|COMPONENT|TEST_[A-Z]+)"  # set by this project for its own processes
)
_STATED = {name: re.compile(f"LAGEBILD_{name}(?:_([A-Z0-9_]+))?") for name in ("PUBLISHER", "LICENCE")}


@dataclass(frozen=True)
class Settings:
    """Where this checkout keeps its state and which servers it talks to."""

    home: Path
    """State folder; everything that must survive a restart is below it."""
    drop: Path
    """Drop folder: one sub-folder a source, where suppliers put their files."""
    landing: Path
    """Immutable, content-addressed copies of every delivery."""
    keys: Path
    """Pseudonym keys, one a municipality and purpose; never in the database."""
    extracts: Path
    """Packages for reviewers."""
    secrets: Path
    """One file a password or signing key."""
    warehouse_dsn: str | None
    """A PostgreSQL of the user's own; None means the embedded one."""
    airflow_dsn: str | None
    """Airflow's metadata database; None means a second database beside the warehouse."""
    postgres_port: int | None
    airflow_port: int | None
    demo: bool
    """Whether bundled deliveries are put into the drop folder."""
    practice: bool = False
    """Whether own files may hold rows marked synthetic: a warehouse for practising, never one of real data."""
    alert_enabled: bool | None = None
    """Whether anybody is told of late deliveries and runs; None: not in the demo."""
    alert_smtp: str | None = None
    """URL of the mail server; its password is the secret `alert_smtp_password`."""
    alert_from: str = ""
    alert_to: str = ""
    """Addresses, separated by commas."""
    alert_webhook: str | None = field(default=None, repr=False)
    """An address to post alerts to; whoever knows it may post too."""
    host_urls: dict[str, str] = field(default_factory=dict, hash=False)
    """Scheme and host to ask in place of a host's own, by the host's name (`ingest/connectors/hosts.py`)."""
    pull: frozenset[str] = frozenset()
    """Hosts that scheduled runs may ask without a login in the settings: open ones, and those with one in Airflow."""
    inboxes: tuple[str, ...] = ()
    """Where else than in the drop folder people put files: URLs of SFTP and S3 stores, without credentials."""
    inbox_settle_seconds: float = 30
    """How long a file without a marker beside it must lie unchanged before it counts as complete."""
    receipt_days: int = 730
    """How long a receipt is kept after it was written last: until a yearly supplier has sent the next file but one."""
    unclaimed_days: int | None = None
    """After how many days a file of an inbox that no contract claims is removed; None: never by itself."""
    publishers: dict[str, str] = field(default_factory=dict, hash=False)
    """Who publishes the data of the deliveries, by source; under the empty name of all others."""
    licences: dict[str, str] = field(default_factory=dict, hash=False)
    """The licence of the data (an identifier, an address or a text), likewise."""
    airflow_log_days: int = 90
    """How long Airflow's rows and logs of a run are kept (`lagebild/stack/housekeeping.py`)."""
    config_dir: Path | None = None
    """What a city configures outside the product's files (`lagebild/overlay.py`); None: `config` of `home`."""
    publish: str | None = None
    """`ask`: a checked build waits until somebody publishes it; `auto`: it is published; None: auto in the demo."""
    metrics_endpoint: str | None = None
    """Where Airflow's processes send their metrics (OpenTelemetry over HTTP); None: nowhere."""
    lineage_file: Path | None = None
    """Where OpenLineage events of Airflow and dbt are written, a line each (`lagebild/lineage.py`); None: nowhere."""
    lineage_endpoint: str | None = None
    """Where they are posted to, without the path `/api/v1/lineage`; None: nowhere."""

    @property
    def config(self) -> Path:
        return self.config_dir or self.home / "config"

    @property
    def publishes_unasked(self) -> bool:
        return self.demo if self.publish is None else self.publish == "auto"

    @property
    def sends_lineage(self) -> bool:
        return bool(self.lineage_file or self.lineage_endpoint)

    @property
    def sends_alerts(self) -> bool:
        return not self.demo if self.alert_enabled is None else self.alert_enabled

    def make_home(self) -> None:
        """Make the state folder where there is none. Only this user may list it.

        Where that is root, others pass through it: PostgreSQL's own user has its cluster below it.
        """
        if not self.home.exists():
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.geteuid() == 0:
                self.home.chmod(0o711)

    def make_folders(self) -> None:
        """Make the folders of deliveries, keys, packages and the city's configuration, for this user alone."""
        for folder in (self.drop, self.landing, self.extracts, self.config, self.keys):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def secret(self, name: str) -> str:
        """Return the secret `name`; create it at first use where the folder may be written."""
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
                from secrets import token_urlsafe  # late: it is asked for once in the life of a secret

                handle.write(token_urlsafe(32))
        return path.read_text().strip()

    def ports(self) -> dict[str, int]:
        """Ports chosen by the last `up`: `postgres`, `airflow`, and Airflow's log servers."""
        path = self.home / "ports.json"
        return json.loads(path.read_text()) if path.exists() else {}


def load(environment: dict[str, str] | None = None) -> Settings:
    """Read the settings; raise UserError that names the variable when one is malformed."""
    values = given(environment)
    _require_known(values)
    home = Path(values.get("LAGEBILD_HOME") or ROOT / ".lagebild").expanduser().resolve()

    def folder(name: str, default: str) -> Path:
        return Path(values.get(name) or home / default).expanduser().resolve()

    def port(name: str) -> int | None:
        text = values.get(name) or ""
        if text and not (_is_number(text) and 0 < int(text) < 65536):
            raise UserError(f"{name}={text} is not a port", remedy="set a number from 1 to 65535, or unset it")
        return int(text) if text else None

    def flag(name: str, default: str, remedy: str) -> str:
        text = values.get(name) or default
        if text not in (default, "0", "1"):
            raise UserError(f"{name}={text} is neither 0 nor 1", remedy=remedy)
        return text

    def url(name: str, *schemes: str) -> str | None:
        text = values.get(name) or ""
        try:
            parts = urlsplit(text)
            is_one = parts.scheme in schemes and bool(parts.hostname) and not parts.password and parts.port != 0
        except ValueError:
            is_one = False
        if text and not is_one:  # not repeated: a part of it may be secret
            form = f"{schemes[0]}://HOST without a password in it"
            raise UserError(f"{name} is not an URL of the form {form}", remedy=".env.example shows one")
        return text or None

    settle = values.get("LAGEBILD_INBOX_SETTLE_SECONDS") or "30"
    if not _is_number(settle):
        raise UserError(f"LAGEBILD_INBOX_SETTLE_SECONDS={settle} is no number of seconds", remedy="such as 30")

    def days(name: str, such_as: str) -> int | None:
        text = values.get(name) or ""
        if text and not (_is_number(text) and 0 < int(text) <= 36_500):
            raise UserError(f"{name}={text} is no number of days", remedy=f"such as {such_as}")
        return int(text) if text else None

    demo = flag("LAGEBILD_DEMO", "1", "set 0 (own files) or 1 (bundled files)")
    practice = flag("LAGEBILD_PRACTICE", "0", "set 0 (real data) or 1 (made-up rows)")
    enabled = flag("LAGEBILD_ALERT_ENABLED", "", "set 0 or 1, or unset it")
    smtp, sender, to = (values.get(f"LAGEBILD_ALERT_{name}") or "" for name in ("SMTP", "FROM", "TO"))
    if any((smtp, sender, to)) and not all((smtp, sender, to)):
        names = "LAGEBILD_ALERT_SMTP, LAGEBILD_ALERT_FROM and LAGEBILD_ALERT_TO"
        raise UserError(f"mail needs {names}, and not all are set", remedy="set all three, or none")
    publish = values.get("LAGEBILD_PUBLISH") or None
    if publish not in (None, "ask", "auto"):
        raise UserError(f"LAGEBILD_PUBLISH={publish} is neither ask nor auto", remedy="set ask or auto, or unset it")
    sources = (ROOT / "ingest" / "sources", folder("LAGEBILD_CONFIG_DIR", "config") / "sources")
    settings = Settings(
        home=home,
        drop=folder("LAGEBILD_DROP_DIR", "drop"),
        landing=folder("LAGEBILD_LANDING_DIR", "landing"),
        keys=folder("LAGEBILD_KEYS_DIR", "keys"),
        extracts=folder("LAGEBILD_EXTRACTS_DIR", "extracts"),
        secrets=folder("LAGEBILD_SECRETS_DIR", "secrets"),
        warehouse_dsn=values.get("LAGEBILD_WAREHOUSE_DSN") or None,
        airflow_dsn=values.get("LAGEBILD_AIRFLOW_DSN") or None,
        postgres_port=port("LAGEBILD_POSTGRES_PORT"),
        airflow_port=port("LAGEBILD_AIRFLOW_PORT"),
        demo=demo == "1",
        practice=practice == "1",
        alert_enabled=enabled == "1" if enabled else None,
        alert_smtp=url("LAGEBILD_ALERT_SMTP", "smtp", "smtps"),
        alert_from=sender,
        alert_to=to,
        alert_webhook=url("LAGEBILD_ALERT_WEBHOOK", "https", "http"),
        host_urls={
            match[1].lower(): text
            for name in values
            if (match := _HOST_URL.fullmatch(name)) and (text := url(name, "https", "http"))
        },
        pull=frozenset((values.get("LAGEBILD_PULL") or "").split()),
        inboxes=tuple(inbox_url(text) for text in (values.get("LAGEBILD_INBOXES") or "").split()),
        inbox_settle_seconds=int(settle),
        receipt_days=days("LAGEBILD_RECEIPT_DAYS", "730") or 730,
        unclaimed_days=days("LAGEBILD_UNCLAIMED_DAYS", "60, or unset it"),
        publishers=_by_source(values, "PUBLISHER", sources),
        licences=_by_source(values, "LICENCE", sources),
        airflow_log_days=days("LAGEBILD_AIRFLOW_LOG_DAYS", "90") or 90,
        publish=publish,
        metrics_endpoint=url("LAGEBILD_METRICS_ENDPOINT", "http", "https"),
        lineage_file=folder("LAGEBILD_LINEAGE_FILE", "") if values.get("LAGEBILD_LINEAGE_FILE") else None,
        lineage_endpoint=url("LAGEBILD_LINEAGE_ENDPOINT", "http", "https"),
        config_dir=folder("LAGEBILD_CONFIG_DIR", "config") if values.get("LAGEBILD_CONFIG_DIR") else None,
    )
    return with_demo(settings)


def _is_number(text: str) -> bool:
    """Whether a text is digits alone, and such that `int` knows them."""
    return text.isascii() and text.isdigit()


def _require_known(names: Iterable[str]) -> None:
    """UserError for a name that is no setting: with a letter too many it would be left out without a word."""
    for name in names:
        if name.upper().startswith("LAGEBILD_") and name not in _NAMES and not _FAMILIES.fullmatch(name):
            meant = did_you_mean(name.upper(), _NAMES)
            raise UserError(f"{name} is no setting", remedy=f"{meant}.env.example names and explains each of them")


def _by_source(values: dict[str, str], name: str, folders: Iterable[Path]) -> dict[str, str]:
    """What `LAGEBILD_<name>_<SOURCE>` say by source, and `LAGEBILD_<name>` under the empty name."""
    found = ((_STATED[name].fullmatch(variable), text.strip()) for variable, text in values.items())
    stated = {(match[1] or "").lower(): text for match, text in found if match and text}
    known = [path.parent.name for folder in folders for path in folder.glob("*/contract.yml")]
    for source in sorted(set(stated) - {"", *known}):
        raise UserError(
            f"LAGEBILD_{name}_{source.upper()}: there is no source {source}",
            remedy=f"{did_you_mean(source, known)}one of: {', '.join(sorted(known))}",
        )
    return stated


def with_demo(settings: Settings) -> Settings:
    """The settings with the demo's own suppliers as service and inbox, once they have their ports."""
    ports = settings.ports()
    if not settings.demo or DEMO_SFTP not in ports:
        return settings
    inbox = f"sftp://{DEMO_USER}@127.0.0.1:{ports[DEMO_SFTP]}/upload"
    urls = {"destatis": f"http://127.0.0.1:{ports[DEMO_GENESIS]}"}
    inboxes = settings.inboxes if inbox in settings.inboxes else (*settings.inboxes, inbox)
    return replace(settings, inboxes=inboxes, host_urls=urls | settings.host_urls)


def inbox_url(text: str) -> str:
    """The URL of an SFTP or S3 store; UserError where it is none, or holds a password."""
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("sftp", "s3") and bool(parts.hostname) and not parts.password and parts.port != 0
        is_one = is_one and (not parts.query or parts.query.startswith("endpoint=http")) and not parts.fragment
    except ValueError:
        is_one = False
    if not is_one:  # not repeated: a part of it may be secret
        raise UserError(
            "something that is no inbox, or that holds a password, was given as one",
            remedy="sftp://USER@HOST/FOLDER or s3://BUCKET/PREFIX?endpoint=URL (LAGEBILD_INBOXES: spaces between them)",
        )
    return text.rstrip("/")


def given(environment: dict[str, str] | None = None) -> dict[str, str]:
    """The variables of `.env`, and those of the environment, which win."""
    return _dotenv(ROOT / ".env") | dict(os.environ if environment is None else environment)


def _dotenv(path: Path) -> dict[str, str]:
    """The settings of a file of lines `NAME=value`; UserError for a line that speaks of one and sets none.

    Such a line, passed over, would leave real data in a demo. No value is repeated: it may be secret.
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

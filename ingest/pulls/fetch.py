"""Fetch entries of the catalogue step by step, and load them.

`step` is one short action: it asks the host, polls a job, or returns a fetched file; it never waits for a job. `run` is
the loop of the command line around it; Airflow has its own. Each step first reads `raw.fetch`: interrupted work is
resumed there, and a job is started only once.

A fetched file is in `<home>/fetched/<source>/<fetch_id>/` until it is loaded; then it is deleted.
"""

import heapq
import itertools
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg import Connection

from ingest import contracts
from ingest.contracts import own_layouts
from ingest.deliveries import landing
from ingest.deliveries.delivery_ledger import IN_FORCE, Delivery
from ingest.loading import intake
from ingest.pulls import fetch_log
from ingest.pulls.catalogue import entries
from ingest.pulls.connectors import ckan, files, genesis, wegweiser
from ingest.pulls.connectors.answers import Answer, Known
from ingest.pulls.connectors.errors import NoLogin, NoObjects, NothingNewer, PullError, TimeIsUp, TooLarge
from ingest.pulls.connectors.http import Http
from ingest.pulls.due import Item, due_items, item_of, may_ask
from ingest.pulls.hosts import host_of
from ingest.reading import readers
from ingest.reading.refused import Refused
from lagebild.core import database
from lagebild.core.credentials import Access, access_of
from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN, Settings

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 2, 300, 1.5
"""Poll interval of a job in seconds, and the factor by which it grows."""
JOB_LIMIT = 2 * 60 * 60
"""Seconds after which an unfinished job is abandoned."""
SAME_ROUND = 600
"""Seconds for which a table's date of change is remembered: its years are fetched one after another."""

TURNED_DOWN = ("refused", "withdrawn")
"""States of a delivery whose bytes are loaded again only by force; a host that returns to superseded ones means it."""

_OF_ANSWER = ("address_sha256", "etag", "last_modified", "last_change")
Logins = Callable[[str], Access | None]
"""The access to a host by its name; None: the one of the settings."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """A file was fetched and waits to be loaded."""

    path: Path


@dataclass(frozen=True)
class Waiting:
    """A job prepares it, or another process fetches it: ask again after `seconds`."""

    job: str | None
    seconds: float


@dataclass(frozen=True)
class Unchanged:
    """Nothing new."""

    why: str


@dataclass(frozen=True)
class NotThere:
    """The host has nothing for this year."""

    why: str


Step = Fetched | Waiting | Unchanged | NotThere


@dataclass(frozen=True)
class Outcome:
    """Result of an item of a run, or of a file left by a killed run: a delivery, nothing new, or an error."""

    key: str
    delivery: Delivery | None = None
    nothing: str | None = None
    error: UserError | None = None

    def __str__(self) -> str:
        return f"{self.key}: {self.delivery or self.nothing or self.error.message}"


def step(settings: Settings, key: str, source: str, access: Access | None = None, force: bool = False) -> Step:
    """One short action for an item; PullError if the host refuses, after that was recorded.

    `access`: access to the entry's host; default: that of the settings. With `force` it asks even if the last answer
    says that nothing changed; known bytes are still no new delivery.
    """
    item = item_of(source, key)
    with fetch_log.alone(settings, source, key) as connection:
        if connection is None:
            return Waiting(None, FIRST_PAUSE)
        return _Pull(settings, connection, item, access, force).step()


def deliver(settings: Settings, source: str, path: Path, login: Logins = lambda host: None) -> Delivery:
    """Load a fetched file, finish its fetch, delete the file, and remove the job's result.

    After a kill at any point the next call does the rest: the same bytes are loaded once. If a result cannot be
    removed, this is reported and retried with the next step of the same key or the next run.
    """
    number = _number(path)
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        delivery = intake.load_file(connection, settings, contracts.load(source), path)
        refused = f"delivery {delivery.delivery_id} was refused" if delivery.state == "refused" else None
        state = "failed" if refused else "delivered"
        fetch_log.settle(connection, number, state, refused, delivery_id=delivery.delivery_id)
        fetched = fetch_log.get(connection, number)
        shutil.rmtree(path.parent, ignore_errors=True)
        if fetched:
            _remove_results(settings, connection, source, fetched.key, login)
    return delivery


def remove_results(settings: Settings, source: str) -> list[str]:
    """Remove the results of all delivered jobs; returns those that could not be removed and are retried later."""
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        return _remove_results(settings, connection, source)


def _remove_results(
    settings: Settings, connection: Connection, source: str, key: str | None = None, login: Logins = lambda host: None
) -> list[str]:
    """The same for one key, or all."""
    problems = []
    for fetch in fetch_log.results_left(connection, source, key):
        problem = None
        try:
            _client(settings, fetch.host, login(fetch.host)).remove(fetch.job)
        except UserError as error:
            problem = f"its result {fetch.job} is still on {fetch.host}, to be removed next time: {error.message}"
            problems.append(f"{fetch.key}: {problem}")
            _log.warning("%s: %s", fetch.key, problem)
        fetch_log.write_removal(connection, fetch.fetch_id, problem)
    return problems


def run(
    settings: Settings,
    source: str,
    tables: Iterable[str] = (),
    years: Iterable[int] = (),
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    doing: Callable[[str], None] = lambda activity: None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Fetch everything that is due and load it.

    With `force` and without tables and years everything is fetched, due or not. `say` gets each outcome, `doing` the
    current step. An error ends its item, not the run; a refused login ends all items of its host. Files left by a
    killed run are loaded first.
    """
    outcomes: list[Outcome] = []

    def settled(outcome: Outcome) -> None:
        outcomes.append(outcome)
        say(str(outcome))

    for path in fetch_log.waiting_files(settings, source):
        doing(f"loading {path.name}, which was fetched before")
        settled(Outcome(path.name, delivery=deliver(settings, source, path)))
    for problem in remove_results(settings, source):
        say(problem)
    if force and not tables and not years:
        tables = [entry.id for entry in entries(source) if not entry.missing]
    refused: dict[str, NoLogin] = {}
    order = itertools.count()
    queue = [(0.0, next(order), item) for item in due_items(settings, source, None, tables, years)]
    total, clock, done = len(queue), 0.0, len(outcomes)
    while queue:
        at, _, item = heapq.heappop(queue)
        counted = f"{len(outcomes) - done + 1} of {total}"
        if at > clock:
            doing(f"waiting for {item.key} ({counted})")
            sleep(at - clock)
            clock = at
        doing(f"asking {item.entry.host} for {item.key} ({counted})")
        try:
            if item.entry.host in refused:
                raise refused[item.entry.host]
            found = step(settings, item.key, source, force=force)
            if isinstance(found, Waiting):
                heapq.heappush(queue, (clock + found.seconds, next(order), item))
            elif isinstance(found, Fetched):
                doing(f"loading {found.path.name} ({counted})")
                settled(Outcome(item.key, delivery=deliver(settings, source, found.path)))
            else:
                settled(Outcome(item.key, nothing=found.why))
        except UserError as error:
            if isinstance(error, NoLogin):
                refused[item.entry.host] = error
            settled(Outcome(item.key, error=error))
    return outcomes


def _client(settings: Settings, host: str, access: Access | None) -> genesis.Client:
    return genesis.Client(host_of(host, settings), access or access_of(host, settings), Http.of(settings))


def _number(path: Path) -> int:
    """The fetch that a fetched file belongs to."""
    if not path.parent.name.isdigit():
        remedy = "load it with: lagebild delivery load FILE --source SOURCE"
        raise UserError(f"{path} is no fetched file", remedy=remedy)
    return int(path.parent.name)


class _Pull:
    """One item under its lock."""

    def __init__(self, settings: Settings, connection: Connection, item: Item, access: Access | None, force: bool):
        self.settings, self.connection, self.item = settings, connection, item
        self.entry, self.access, self.force = item.entry, access, force
        found = fetch_log.under_way(connection, item.entry.source, item.key)
        self.row = found[0] if found else None
        self.known = None if force else fetch_log.last_finished(connection, item.entry.source, item.key)

    def step(self) -> Step:
        if self.row and self.row.state == "fetched":
            if (path := fetch_log.path_of(self.settings.home, self.row)).exists():
                return Fetched(path)
            self._settle("failed", "its file was gone before it was loaded")
            self.row = None
        self._require_host()
        if self.row is None:
            self.row = fetch_log.begin(
                self.connection, self.entry.source, self.entry.id, self.item.key, self.entry.host
            )
        try:
            if self.row.state == "waiting":
                return self._poll()
            return self._ask_genesis() if self.entry.connector == "genesis" else self._ask()
        except NothingNewer as error:
            return self._unchanged(f"nothing new: {error.message}")
        except PullError as error:
            if self.row.state == "waiting" and (error.transient or isinstance(error, NoLogin)):
                fetch_log.write(self.connection, self.row.fetch_id, reason=error.message)  # the job goes on
            else:
                self._settle("failed", error.message)
            shutil.rmtree(self._folder(), ignore_errors=True)
            raise

    def _require_host(self) -> None:
        if self.entry.missing:
            raise UserError(
                f"{self.entry.id}: no address is known for it, so nothing was asked",
                remedy=f"look it up at the publisher's and set {self.entry.missing} in .env",
            )
        if not may_ask(self.settings, self.entry):
            raise UserError(
                f"{self.item.key}: this is the demo, whose warehouse takes no deliveries from outside",
                remedy="begin in a new checkout with LAGEBILD_DEMO=0 (README.md, Your own files)",
            )

    # --- GENESIS ----------------------------------------------------------------------------------------------------

    def _client(self) -> genesis.Client:
        return _client(self.settings, self.entry.host, self.access)

    def _query(self) -> genesis.Query:
        first, last = (self.item.year,) * 2 if self.item.year else (self.entry.first_year, self.entry.last_year)
        chosen = self.entry.selection
        return genesis.Query(
            self.entry.id,
            first,
            last,
            region_variable=chosen.get("region_variable", ""),
            regions=tuple(chosen.get("regions", ())),
            classifying=tuple((name, tuple(keys)) for name, keys in chosen.get("classifying", {}).items()),
            contents=tuple(chosen.get("contents", ())),
        )

    def _ask_genesis(self) -> Step:
        client, query = self._client(), self._query()
        own = {self.entry.host: self.access}
        _remove_results(self.settings, self.connection, self.entry.source, self.item.key, own.get)
        changed = self._change_told() or client.last_change(self.entry.id)
        if self.known and changed and self.known.last_change == changed:
            if self.known.state == "absent":
                return self._absent(f"{self.entry.host} has not changed the table since {changed}", changed)
            return self._unchanged(f"nothing new: {self.entry.host} last changed the table on {changed}")
        try:
            path = client.table(query, self._new_folder() / "answer")
        except NoObjects as error:
            return self._absent(error.message, changed)
        except TooLarge:
            job = client.start_job(query)
            # Record the job first: if the process is killed from here on, the job is found.
            values = {"state": "waiting", "job": job, "last_change": changed}
            self.row = fetch_log.write(self.connection, self.row.fetch_id, **values)
            return Waiting(job, FIRST_PAUSE)
        return self._arrived(Answer(path, last_change=changed))

    def _change_told(self) -> str | None:
        """When the table last changed, if the host said so for another year of it in the same round."""
        if self.force:
            return None
        return fetch_log.change_told(self.connection, self.entry.source, self.entry.id, SAME_ROUND)

    def _poll(self) -> Step:
        client, job = self._client(), self.row.job
        is_ready = client.is_ready(job)
        self.row = fetch_log.write(
            self.connection, self.row.fetch_id, polls=self.row.polls + 1, polled_at=True, reason=None
        )
        if is_ready:
            path = client.result(job, self._new_folder() / "answer")
            return self._arrived(Answer(path, last_change=self.row.last_change))
        if fetch_log.seconds_since_asked(self.connection, self.row.fetch_id) > JOB_LIMIT:
            late = TimeIsUp(self.item.key, what=f"job {job} is not ready after {JOB_LIMIT // 3600} hours")
            self._settle("failed", late.message)
            raise late
        return Waiting(job, min(FIRST_PAUSE * GROWTH**self.row.polls, LONGEST_PAUSE))

    # --- files over HTTP --------------------------------------------------------------------------------------------

    def _ask(self) -> Step:
        ask = {"http": files.ask, "ckan": ckan.ask, "wegweiser": wegweiser.ask}[self.entry.connector]
        known = Known(**{name: getattr(self.known, name) for name in _OF_ANSWER}) if self.known else Known()
        answer = ask(self.settings, self.entry, self.item.year, known, self._new_folder() / "answer")
        if answer.is_absent:
            return self._absent(answer.why, answer.last_change)
        if answer.path is None:
            if self.known.state == "absent":
                return self._absent(answer.why, answer.last_change)
            return self._unchanged(f"nothing new: {answer.why}")
        return self._arrived(answer)

    # --- results ----------------------------------------------------------------------------------------------------

    def _folder(self) -> Path:
        return fetch_log.folder_of(self.settings.home, self.entry.source) / str(self.row.fetch_id)

    def _new_folder(self) -> Path:
        """The folder of this attempt; files left by a killed one are deleted."""
        folder = self._folder()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def _arrived(self, answer: Answer) -> Step:
        """Name the file as its contract requires, unless its bytes are known already."""
        contract = contracts.load(self.entry.source)
        name = self.entry.file_name(self._year_of(answer.path))
        period = contract.period_of(name)
        if period is None:
            raise UserError(
                f"{self.item.key}: its file {name} does not match {contract.file_name.pattern}",
                remedy=f"correct {self.entry.id} in {self.entry.path}",
            )
        sha256 = landing.sha256(answer.path)
        states = IN_FORCE if self.force else (*IN_FORCE, *TURNED_DOWN)
        same = fetch_log.delivery_of(self.connection, self.entry.source, period, sha256, states)
        values = {"file_name": name, "sha256": sha256, "bytes": answer.path.stat().st_size}
        values |= {name: getattr(answer, name) for name in _OF_ANSWER}
        if same is not None:
            why = f"nothing new: the same bytes as delivery {same}"
            self._settle("unchanged", why, **values, delivery_id=same)
            shutil.rmtree(answer.path.parent, ignore_errors=True)
            return Unchanged(why)
        path = answer.path.rename(answer.path.with_name(name))
        descriptor = os.open(path.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        fetch_log.write(self.connection, self.row.fetch_id, state="fetched", fetched_at=True, **values)
        return Fetched(path)

    def _year_of(self, path: Path) -> int | None:
        """The year that the file's name gets: the one asked for, or the one that all of its own rows say."""
        if self.entry.year_field is None:
            return self.item.year or (None if self.entry.first_year else datetime.now(BERLIN).year)
        # The year is not known yet: what holds for all of them, if anything is said.
        contract = own_layouts.in_force(self.settings.config, contracts.load(self.entry.source), None, None)
        place = [field.name for field in contract.fields].index(self.entry.year_field)
        try:
            rows = readers.read(contract, path.read_bytes()).rows
            years = sorted({re.search(r"(?<!\d)\d{4}(?!\d)", fields[place])[0] for _, fields in rows})
        except (Refused, IndexError, TypeError) as error:
            raise PullError(
                self.item.key,
                what=f"the file does not say of which year it is ({self.entry.year_field})",
                to_do="open the address in a browser; the table may have changed its layout (see its contract)",
            ) from error
        if len(years) != 1:
            raise PullError(
                self.item.key,
                what=f"the file is of {len(years)} years ({', '.join(years) or 'no row'}), not of one",
                to_do="its contract wants a year a file: download the years apart, and load them from a drop folder",
            )
        return int(years[0])

    def _unchanged(self, why: str) -> Unchanged:
        kept = (*_OF_ANSWER, "file_name", "sha256", "bytes", "delivery_id")
        values = {name: getattr(self.known, name) for name in kept} if self.known else {}
        self._settle("unchanged", why, **values)
        return Unchanged(why)

    def _absent(self, why: str, changed: str | None) -> NotThere:
        self._settle("absent", why, last_change=changed)
        return NotThere(why)

    def _settle(self, state: str, reason: str, **values: object) -> None:
        fetch_log.settle(self.connection, self.row.fetch_id, state, reason, **values)

"""The gate: runs a suite on a landed delivery or on the candidate marts, and writes its verdicts.

It fails closed (law 3): whatever keeps it from judging raises `GateError`, nothing is written,
and the caller holds the delivery or stops the publication. It changes no state of a delivery.
"""

import importlib
import re
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from expectations import column_rules, history, keys, library, marts, own_source, totals
from expectations.suite import HOLD, WARN, WITHOUT_FIGURES, Build, Delivery, Expectation
from ingest import contracts
from ingest.contracts import counts
from lagebild.core import database
from lagebild.core.errors import UserError

if TYPE_CHECKING:
    from disclosure.solve import Finding

# A statement that waits (for a lock, for a plan gone wrong) must not keep a delivery undecided: it is cancelled, and
# the gate holds. The limit of the whole is that of one delivery, or of all marts.
STATEMENT_SECONDS, WHOLE_SECONDS = 300, 1800
LISTED_ROWS = 20
LISTED_FINDINGS = 5
DISCLOSURE = "disclosure.nothing_follows"
"""The expectation of the audit of all marts and publications together."""
_LINE = "line_number"
_GX_SEVERITY = {HOLD: "critical", WARN: "warning"}


class GateError(UserError):
    """The gate could not judge: nothing passed, and nothing may."""


@dataclass(frozen=True)
class Verdict:
    """What one expectation said; `failing_rows` are line numbers of the file, at most the first 20.

    Of a source with a history, rows that stood so in an earlier file are counted, and have no line.
    """

    expectation: str
    why: str
    severity: str
    passed: bool
    observed: str
    expected: str
    owner: str
    failing_rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Batch:
    """Rows to judge and what must hold of them."""

    name: str
    query: str
    expectations: Sequence[Expectation]
    personal: bool
    has_lines: bool
    file: str = "expectations/marts/suites.py"
    """Where the expectations stand."""


def check_delivery(connection: Connection, delivery_id: int, config: Path) -> list[Verdict]:
    """Judge a loaded delivery by its source's suite and write one `quality.verdict` row an expectation.

    `config` is the folder of a city's own configuration, whose rules on columns hold as well.
    By the loader's connection, in one transaction before and one after Great Expectations, which has its own. Raises
    GateError if anything keeps the suite from being judged whole; nothing is written then.
    """
    with _failing_closed(f"delivery {delivery_id}"):
        batch = _landed(connection, delivery_id, config)
        (verdicts,) = _judge(connection, [batch])
        _write(connection, "delivery_id", delivery_id, verdicts)
        return verdicts


def check_marts(connection: Connection, build_id: int) -> list[Verdict]:
    """Judge the candidate marts in schema `build`, by the builder's connection; otherwise as `check_delivery`."""
    with _failing_closed(f"the marts of build {build_id}"):
        judged = _judge(connection, _candidates(_build(connection, build_id)))
        verdicts = [verdict for mart in judged for verdict in mart]
        _write(connection, "build_id", build_id, verdicts)
        return verdicts


def check_disclosure(connection: Connection, build_id: int) -> tuple[Verdict, list["Finding"]]:
    """Judge whether readers could work out what is protected, from the candidate and all that they see already.

    The verdict, which readers see, says that and no more: which figure follows is itself what follows. The findings,
    with the figures and what they follow from, are for those who run the build. Otherwise as `check_delivery`.
    """
    from disclosure import audit

    with _failing_closed(f"what readers could work out from build {build_id}"):
        with _limited(connection):
            found = audit.findings(connection, build_id)
        verdict = Verdict(
            expectation=DISCLOSURE,
            why="What one mart protects must not follow from the others, or from an earlier publication.",
            severity=HOLD,
            passed=not found,
            observed="protected figures can be worked out" if found else "none can be worked out",
            expected="no protected figure that can be worked out from all that readers see",
            owner=marts.OWNER,
        )
        _write(connection, "build_id", build_id, [verdict])
        return verdict, found


@contextmanager
def _failing_closed(subject: str) -> Generator[None]:
    try:
        yield
    except GateError:
        raise
    except UserError as error:
        raise GateError(f"{subject} could not be checked: {error.message}", remedy=error.remedy) from error
    except Exception as error:
        raise GateError(
            f"{subject} could not be checked: {_told(error)}",
            remedy="mend what is named here; nothing passed, and the next run checks again",
        ) from error


def _told(error: BaseException) -> str:
    """Type and first line; the rest may quote SQL, connections, or rows."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {re.sub(r'//[^@/ ]*@', '//***@', first)[:300]}".rstrip(": ")


@contextmanager
def _limited(connection: Connection) -> Generator[None]:
    """A transaction in which no statement takes too long."""
    with connection.transaction():
        connection.execute(f"set local statement_timeout = '{STATEMENT_SECONDS}s'")
        yield


def _landed(connection: Connection, delivery_id: int, config: Path) -> _Batch:
    """The rows of a delivery and its source's suite; its statistics are computed and kept on the way."""
    with _limited(connection):
        delivery = _delivery(connection, delivery_id)
        module = suite_of(delivery.source)
        # Persons unless the suite says otherwise: forgetting to say so must not print values.
        personal = getattr(module, "PERSONAL", True)
        query = f"select * from {_delivered(delivery.source, module.TABLE)} where delivery_id = {delivery_id:d}"
        try:
            history.store_statistics(connection, delivery_id, query, history.all_statistics(module.STATISTICS))
        except Exception as error:
            raise GateError(
                f"the statistics of {delivery.source} could not be computed ({_withheld(personal) or _told(error)})",
                remedy=f"compare {_file(module)} with the columns of the table, and check again",
            ) from (None if personal else error)
        before, known = history.accepted_before(connection, delivery_id)
        printed = totals.expectations(connection, delivery_id, module.OWNER)
    delivery = replace(delivery, before=before, known=known)
    own = module.expectations(delivery)
    forbidden = keys.expectations(delivery.source, module.OWNER) if own else []  # a suite that forgot its own is none
    printed = printed if own else []
    ruled = column_rules.expectations(config, delivery.source) if own else []
    return _Batch(
        delivery.source, query, [*own, *forbidden, *printed, *ruled], personal, has_lines=True, file=_file(module)
    )


def _candidates(build: Build) -> list[_Batch]:
    return [
        _Batch(mart, f"select * from build.{mart}", expectations, personal=False, has_lines=False)
        for mart, expectations in marts.suites(build).items()
    ]


def _delivery(connection: Connection, delivery_id: int) -> Delivery:
    row = connection.execute(
        "select delivery_id, source, period, loaded - erased_loaded, received_at::date from raw.delivery"
        " where delivery_id = %s",
        [delivery_id],
    ).fetchone()
    if row is None:
        raise GateError(
            f"delivery {delivery_id} is not in the ledger", remedy="look up the number: select * from raw.delivery"
        )
    delivery = Delivery(*row)
    if delivery.loaded is None:
        raise GateError(
            f"delivery {delivery_id} of {delivery.source} has no count of loaded rows in the ledger",
            remedy=f"it was never loaded: run the ingest of {delivery.source} again",
        )
    return delivery


def _build(connection: Connection, build_id: int) -> Build:
    with _limited(connection):
        if connection.execute("select 1 from raw.build where build_id = %s", [build_id]).fetchone() is None:
            raise GateError(f"build {build_id} is not known", remedy="begin a build first")
        sources = connection.execute(
            "select distinct source from raw.build_input where build_id = %s", [build_id]
        ).fetchall()
        lost = connection.execute(
            "select former.source || ' ' || former.period from published.current_publication as current"
            " inner join published.publication as p on p.publication_id = current.publication_id"
            " inner join raw.build_input as former on former.build_id = p.build_id"
            " where not exists (select 1 from raw.build_input as own where own.build_id = %s"
            " and own.delivery_id = former.delivery_id)",
            [build_id],
        ).fetchall()
    return Build(build_id, frozenset(source for (source,) in sources), frozenset(name for (name,) in lost))


def _file(suite: ModuleType | SimpleNamespace) -> str:
    return f"{suite.__name__.replace('.', '/')}.py"


def suite_of(source: str) -> ModuleType | SimpleNamespace:
    """The suite of a source: the one that its contract names, or the one of its name; GateError where there is none."""
    contract = contracts.load(source) if source in contracts.sources() else None
    shared = contract.suite if contract else None
    if contract and contracts.is_own(source) and not shared:
        return own_source.suite(contract)
    name = f"expectations.sources.{shared or source}"
    needed = ("STATISTICS", "expectations") if shared else ("TABLE", "STATISTICS", "expectations")
    remedy = f"write {name.replace('.', '/')}.py with PERSONAL, OWNER and {', '.join(needed)}(delivery)"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise GateError(f"source {source} has no suite of expectations", remedy=remedy) from error
    if not all(hasattr(module, name) for name in needed):
        raise GateError(f"{module.__file__} is no suite of a source", remedy=remedy)
    return SimpleNamespace(**vars(module) | {"TABLE": f"raw.{contract.table}"}) if shared else module


def _withheld(personal: bool) -> str:
    """What stands for a database error that may quote the value it stumbled over; empty if it need not."""
    return "its text is withheld, the source is about persons" if personal else ""


def _delivered(source: str, table: str) -> str:
    """Where the rows of a delivery stand: of a source with a history its table holds what changed alone."""
    has_history = source in contracts.sources() and contracts.load(source).history
    return f"{table}_snapshot" if has_history else table


def _judge(connection: Connection, batches: Sequence[_Batch]) -> list[list[Verdict]]:
    """The verdicts on each batch, in a context of this call's own; GateError unless all were reached.

    Great Expectations has its own driver, and connects by it as this connection's role.
    """
    for batch in batches:
        names = [expectation.name for expectation in batch.expectations]
        if not names:
            raise GateError(
                f"the suite of {batch.name} holds no expectation",
                remedy=f"an empty suite would let everything pass: state what must hold of {batch.name}",
            )
        if len(names) != len(set(names)):
            raise GateError(f"the suite of {batch.name} names an expectation twice", remedy="give each its own name")
    began = time.monotonic()
    gx = great_expectations()
    context = _context(gx)
    source = context.data_sources.add_postgres(
        "warehouse", connection_string=database.url_of(connection, driver="postgresql+psycopg2")
    )
    engines = (source.get_engine(), source.get_execution_engine().engine)
    try:
        for engine in engines:
            _limit(engine, began + WHOLE_SECONDS)
        return [_judge_batch(gx, source, batch) for batch in batches]
    finally:
        # two pools: the data source tests its connection with one and computes with the other
        for engine in engines:
            engine.dispose()


def _limit(engine: Any, deadline: float) -> None:
    """Cancel a statement of this engine that takes too long, and refuse to begin one after the deadline."""
    from sqlalchemy import event

    @event.listens_for(engine, "before_cursor_execute")
    def _(connection, cursor, statement, parameters, context, executemany) -> None:
        left = min(STATEMENT_SECONDS, deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError(f"the checks took longer than {WHOLE_SECONDS} s together")
        cursor.execute(f"set statement_timeout = {max(1, int(left * 1000))}")


def _judge_batch(gx: ModuleType, source: Any, batch: _Batch) -> list[Verdict]:
    suite = gx.ExpectationSuite(
        name=batch.name, expectations=[_built(gx, expectation) for expectation in batch.expectations]
    )
    asset = source.add_query_asset(batch.name, query=batch.query)
    data = asset.add_batch_definition_whole_table("all").get_batch()
    listing: dict[str, Any] = {"result_format": "COMPLETE", "exclude_unexpected_values": batch.personal}
    if batch.has_lines:
        listing["unexpected_index_column_names"] = [_LINE]
    validation = data.validate(suite, result_format=listing)
    return _verdicts(batch, validation.results)


def _verdicts(batch: _Batch, results: Iterable[Any]) -> list[Verdict]:
    """One verdict an expectation, in the suite's order; GateError unless each has a whole result."""
    # GX returns the results it could not compute first, so the order tells nothing.
    by_name = {result.expectation_config.meta["name"]: result for result in results}
    verdicts = []
    for expectation in batch.expectations:
        result = by_name.get(expectation.name)
        if result is None:
            raise GateError(
                f"{batch.name}: no result for the expectation {expectation.name}",
                remedy="Great Expectations returned fewer results than expectations: run the check again",
            )
        if raised := _exception(result.exception_info):
            raise GateError(
                f"{batch.name}: the expectation {expectation.name} could not be computed"
                f" ({_withheld(batch.personal) or raised})",
                remedy=f"compare {batch.file} with the columns of the table, and check again",
            )
        if not isinstance(result.success, bool):
            raise GateError(
                f"{batch.name}: the expectation {expectation.name} gave no verdict",
                remedy="a check that says nothing does not pass: see its definition",
            )
        verdicts.append(_verdict(expectation, result, batch.personal))
    return verdicts


def _verdict(expectation: Expectation, result: Any, personal: bool) -> Verdict:
    details = result.result
    lines: list[int | None] = []
    words: list[str | None] = []
    if expectation.kind == "UnexpectedRowsExpectation":
        rows = (details.get("details") or {}).get("unexpected_rows") or []
        count = details["observed_value"]
        lines = [row.get(_LINE) for row in rows]
        words = [(personal and row.get(WITHOUT_FIGURES)) or row.get("observed") for row in rows]
        observed = _count(count, "row" if any(lines) else "finding", personal and expectation.quotes_rows)
    elif "unexpected_count" in details:
        rows = details.get("unexpected_index_list") or []
        # with values excluded GX gives one entry that holds all lines, else one entry a row
        for found in (row.get(_LINE) for row in rows):
            lines += found if isinstance(found, list) else [found]
        unexpected = details["unexpected_count"] or 0  # None of a table without rows
        observed = f"{counts.as_text(unexpected, personal)} of"
        observed += f" {_count(details['element_count'], 'row', personal)}"
    elif personal and not expectation.kind.startswith("ExpectTable"):
        observed = "not shown: the source is about persons"
    else:
        observed = counts.as_text(details["observed_value"], True) if personal else f"{details['observed_value']}"
    findings = [_finding(line, word) for line, word in zip(lines, words, strict=False) if word]
    if findings and not (personal and expectation.quotes_rows):
        rest = count - len(findings[:LISTED_FINDINGS])
        observed = "; ".join(findings[:LISTED_FINDINGS]) + (f"; and {rest} more" if rest else "")
    known = sorted({line for line in lines if line is not None})
    return Verdict(
        expectation=expectation.name,
        why=expectation.why,
        severity=expectation.severity,
        passed=result.success,
        observed=observed,
        expected=expectation.expected,
        owner=expectation.owner,
        failing_rows=tuple(known[:LISTED_ROWS]),
    )


def _finding(line: int | None, words: str) -> str:
    return words if line is None else f"line {line}: {words}"


def _count(number: int, noun: str, personal: bool) -> str:
    return f"{counts.as_text(number, personal)} {noun}{'' if number == 1 and not personal else 's'}"


def _exception(info: Mapping[str, Any] | None) -> str | None:
    """Message of the first exception in GX's `exception_info`: flat, or one entry a metric."""
    if not info:
        return None
    if "raised_exception" in info:
        if not info["raised_exception"]:
            return None
        return _told(RuntimeError(info.get("exception_message") or "no message")).removeprefix("RuntimeError: ")
    return next((told for entry in info.values() if (told := _exception(entry))), None)


def _built(gx: ModuleType, expectation: Expectation) -> Any:
    kind = getattr(gx.expectations, expectation.kind, None)
    if kind is None:
        raise GateError(
            f"{expectation.name}: Great Expectations {gx.__version__} has no {expectation.kind}",
            remedy="name a class of great_expectations.expectations",
        )
    return kind(
        **expectation.arguments,
        severity=_GX_SEVERITY.get(expectation.severity, "info"),
        meta={"name": expectation.name, "owner": expectation.owner},
        notes=expectation.why,
    )


def _context(gx: ModuleType) -> Any:
    """A context of this run alone: in memory, silent, and without GX's temporary folder for a docs site."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    return gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        ),
    )


def great_expectations() -> ModuleType:
    """The library, imported when first needed: it takes 2 to 3 s, once a process."""
    try:
        return library.load()
    except ImportError as error:
        raise GateError(
            f"Great Expectations cannot be imported: {_told(error)}",
            remedy="install the locked environment again: uv sync --locked",
        ) from error


def _write(connection: Connection, subject: str, number: int, verdicts: Sequence[Verdict]) -> None:
    if not verdicts:
        raise GateError("no verdict was reached", remedy="an empty suite would let everything pass: see expectations/")
    with _limited(connection):
        connection.cursor().executemany(
            f"insert into quality.verdict ({subject}, expectation, why, severity, passed, observed, expected,"
            " owner, failing_rows) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    *(number, v.expectation, v.why, v.severity, v.passed, v.observed, v.expected, v.owner),
                    list(v.failing_rows),
                )
                for v in verdicts
            ],
        )

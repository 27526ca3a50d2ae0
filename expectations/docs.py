"""Data Docs: every check's verdicts as a page, by Great Expectations' own renderers, long after the check.

Read is `marts.quality_verdict`, as role bi_reader: what readers of the marts may not see, these pages cannot show.
The frame around GX's content is ours (`templates/page.j2`): GX's own loads scripts, styles and pictures from seven
hosts, its index is empty without them, and it does not escape the texts of an expectation.
"""

import html
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from psycopg import Connection
from psycopg.rows import class_row

from expectations.gate import great_expectations
from expectations.suite import HOLD, WARN
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

TEMPLATES = Path(__file__).parent / "templates"
STAMP = "stamp"


@dataclass(frozen=True)
class Shown:
    """A row of `marts.quality_verdict`."""

    verdict_id: int
    source: str | None
    period: str | None
    sha256: str | None
    attempt: int | None
    delivery_id: int | None
    delivery_state: str | None
    build_id: int | None
    publication_id: int | None
    expectation: str
    why: str
    severity: str
    owner: str | None
    passed: bool
    observed: str | None
    expected: str | None
    failing_rows: str | None
    checked_at: datetime
    accepted_at: datetime | None
    accepted_until: datetime | None
    accepted_why: str | None


@dataclass(frozen=True)
class Check:
    """The verdicts of one delivery, or of the marts of one build, at one moment."""

    verdicts: list[Shown]

    @property
    def subject(self) -> str:
        first = self.verdicts[0]
        if first.delivery_id is None:
            led = f", publication {first.publication_id}" if first.publication_id else ", not published"
            return f"marts of build {first.build_id}{led}"
        return f"delivery {first.delivery_id}: {first.source} {first.period}, {first.delivery_state} now"

    @property
    def suite(self) -> str:
        return self.verdicts[0].source or "marts"

    @property
    def checked_at(self) -> datetime:
        return self.verdicts[0].checked_at

    @property
    def file_name(self) -> str:
        return f"check-{self.verdicts[0].verdict_id}.html"

    def failed(self, severity: str) -> int:
        """How many expectations of a severity failed."""
        return sum(not v.passed and v.severity == severity for v in self.verdicts)

    @property
    def outcome(self) -> str:
        held, warned = self.failed(HOLD), self.failed(WARN)
        said = [f"{held} must hold and failed"] * bool(held) + [f"{warned} warned"] * bool(warned)
        return ", ".join(said) or "passed"


def folder(settings: Settings) -> Path:
    """Where the pages lie unless somebody asks for another place."""
    return settings.home / "quality-docs"


def write(settings: Settings, target: Path) -> Path:
    """Write a page a check and an index into the folder `target`, which changes whole or not at all; returns the index.

    UserError if the folder holds something else than such pages.
    """
    if target.exists() and any(target.iterdir()) and not (target / STAMP).is_file():
        raise UserError(f"{target} holds other files, and would be replaced", remedy="name an empty or a new folder")
    gx = great_expectations()
    with database.connect(settings, database.BI_READER) as connection:
        stamp, checks = _state(connection), _checks(connection)
    view = _view(gx)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as draft:
        pages = Path(draft) / "new"
        pages.mkdir()
        for check in checks:
            (pages / check.file_name).write_text(_page(gx, view, check), encoding="utf-8")
        index = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template("index.j2")
        (pages / "index.html").write_text(index.render(checks=checks[::-1]), encoding="utf-8")
        (pages / STAMP).write_text(stamp)
        if target.exists():
            os.replace(target, Path(draft) / "old")
        os.replace(pages, target)
    return target / "index.html"


def is_current(settings: Settings, target: Path) -> bool:
    """Whether the pages in `target` show every verdict and decision there is."""
    stamp = target / STAMP
    if not stamp.is_file():
        return False
    with database.connect(settings, database.BI_READER) as connection:
        return stamp.read_text() == _state(connection)


def _state(connection: Connection) -> str:
    """A digest of everything that the pages show and that may change."""
    (digest,) = connection.execute(
        "select md5(coalesce(string_agg(concat_ws(' ', verdict_id, delivery_state, publication_id, accepted_at,"
        " accepted_until), ',' order by verdict_id), '')) from marts.quality_verdict"
    ).fetchone()
    return digest


def _checks(connection: Connection) -> list[Check]:
    names = ", ".join(Shown.__dataclass_fields__)
    with connection.cursor(row_factory=class_row(Shown)) as cursor:
        rows = cursor.execute(
            f"select {names} from marts.quality_verdict order by checked_at, delivery_id, build_id, verdict_id"
        ).fetchall()
    found = groupby(rows, key=lambda v: (v.checked_at, v.delivery_id, v.build_id))
    return [Check(list(verdicts)) for _, verdicts in found]


def _page(gx: ModuleType, view: Any, check: Check) -> str:
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    return view.render(ValidationResultsPageRenderer(run_info_at_end=True).render(_result(gx, check)))


def _view(gx: ModuleType) -> Any:
    """GX's page view, with our frame in front of its own."""
    from great_expectations.render.view import DefaultJinjaPageView

    view = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), view.env.loader])
    return view


def _result(gx: ModuleType, check: Check) -> Any:
    """The verdicts as the validation result that GX renders; it knows no more than the verdicts do."""
    from great_expectations.core import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
        RunIdentifier,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    passed = sum(v.passed for v in check.verdicts)
    return ExpectationSuiteValidationResult(
        success=passed == len(check.verdicts),
        suite_name=check.suite,
        results=[
            ExpectationValidationResult(
                success=v.passed,
                # Which of GX's classes judged is not kept; its renderer shows the description instead.
                expectation_config=ExpectationConfiguration(
                    type="unexpected_rows_expectation",
                    kwargs={"unexpected_rows_query": "select from {batch}"},
                    description=_described(v),
                ),
                result={"observed_value": _safe(_observed(v)), "details": {}},
                exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
            )
            for v in check.verdicts
        ],
        statistics={
            "evaluated_expectations": len(check.verdicts),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(check.verdicts) - passed,
            "success_percent": 100 * passed / len(check.verdicts),
        },
        meta={
            "great_expectations_version": gx.__version__,
            "run_id": RunIdentifier(run_name=_safe(check.subject), run_time=check.checked_at),
            "batch_kwargs": {"data_asset_name": _safe(check.subject)},
        },
    )


def _described(v: Shown) -> str:
    asked = f"; ask {v.owner}" if v.owner else ""
    lines = [f"<b>{_safe(v.expectation)}</b> ({_safe(v.severity + asked)})", f"expected: {_safe(v.expected)}"]
    lines.append(f"why: {_safe(v.why)}")
    if v.accepted_at:
        until = f" until {v.accepted_until}" if v.accepted_until else ""
        lines.append(f"accepted all the same on {v.accepted_at:%Y-%m-%d}{until}: {_safe(v.accepted_why)}")
    return "\n".join(lines)


def _observed(v: Shown) -> str:
    lines = f" (lines {v.failing_rows})" if v.failing_rows and "line " not in (v.observed or "") else ""
    return f"{v.observed or 'not kept'}{lines}"


def _safe(text: str | None) -> str:
    """Text that neither HTML nor GX's `$parameter` templates read as their own."""
    return html.escape(text or "-").replace("$", "&#36;")

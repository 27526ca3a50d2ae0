"""The printed reports of a release: `bericht.pdf` with key figures, `qualitaetsbericht.pdf`. Tagged PDF by typst.

PDF/UA-1 and PDF/A-3a at once; fonts are those that typst brings, the date is the publication's, so the same contents
give the same bytes anywhere. Texts go in as data: nothing that a delivery says is read as markup.
Why typst: docs/decisions/reports-by-typst.md.
"""

import json
from collections.abc import Mapping
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

from extracts.contents import Contents
from extracts.listing import listed
from extracts.model import KeyFigure
from extracts.reports import geometry
from extracts.signs import SIGNS
from lagebild.core.errors import UserError

MOST_ATTACHED = 5_000_000
"""Bytes of a CSV that is attached; a larger one is named."""
_ROOM = Path(__file__).parent
_LISTED_CHANGES = 12
_METHOD = range(1, 10)


def report_pdf(contents: Contents, attachments: Mapping[str, Path]) -> bytes:
    """The report: key figures, charts, changes, method, signs. `attachments`: the package's CSVs, name -> file."""
    say, about = contents.texts.say, contents.about
    captions: dict[str, int] = {}
    figures = [_key_figure(contents, one, captions) for one in about.key_figures]
    attached, named = _attachments(contents, attachments)
    data = _common(contents, "report.title", "report.description") | {
        "key_figures": figures,
        "key_figures_head": [
            say("workbook.head_key_figure"), say("workbook.head_value"), say("workbook.head_unit"),
            say("report.head_interval"), say("workbook.head_evidence"),
        ],
        "captions": [[str(number), text] for text, number in captions.items()],
        "charts": [geometry.drawn(one, contents.texts) for one in about.charts],
        "changes_text": [_compared(contents)],
        "change_counts_head": [
            say("workbook.head_table"),
            *(say(f"report.head_{one}") for one in ("revised", "added", "removed", "largest")),
        ],
        "change_counts": _change_counts(contents),
        "changes_head": [
            say("workbook.head_table"), say("workbook.head_figure"), say("report.head_revised"),
            say("workbook.head_why"),
        ],
        "changes": _changes(contents),
        "method": [say(f"report.method_{n}") for n in _METHOD],
        "signs_head": [say("workbook.head_sign"), say("workbook.head_meaning")],
        "signs": [[sign, contents.texts.code("value_status", status) or status] for status, sign in SIGNS.items()],
        "attached": named,
        "attachments": attached,
    }  # fmt: skip
    return _compiled("report.typ", data, contents)


def quality_report_pdf(contents: Contents) -> bytes:
    """The quality report, by the dimensions of the European Statistical System."""
    say = contents.texts.say
    data = _common(contents, "report.quality_title", "report.quality_description") | {
        "sections": [
            {
                "title": say(f"report.{section.dimension}"),
                "summary": section.summary,
                "facts": [[fact.label, fact.text] for fact in section.facts],
                "head": list(section.table[0]) if section.table else [],
                "rows": [list(row) for row in section.table[1:]],
                "right": list(range(1, len(section.table[0]))) if _is_numbers(section.table) else [],
            }
            for section in contents.about.quality
        ],
    }
    return _compiled("quality.typ", data, contents)


def _common(contents: Contents, title: str, description: str) -> dict[str, Any]:
    texts, about, publication = contents.texts, contents.about, contents.publication
    say, moment = texts.say, publication.published_at.astimezone(UTC)
    day = texts.date(publication.published_at.date())
    number = publication.publication_id
    facts = [
        ("publisher", about.publisher.name),
        ("contact", about.publisher.contact),
        ("recipient", about.recipient.office),
        ("legal_basis", about.recipient.legal_basis),
        ("purpose", about.recipient.purpose),
        ("publication", say("report.publication_text", number=number, date=day)),
        ("period", _period(contents)),
        ("data_until", texts.date(about.data_until) if about.data_until else ""),
        ("next", texts.date(about.next_publication) if about.next_publication else ""),
    ]
    words = (
        "synthetic", "synthetic_short", "page", "key_figures", "no_key_figures", "charts", "changes", "largest_changes",
        "method", "signs", "files", "attached", "quality_about",
    )  # fmt: skip
    return {
        "title": say(title, number=number),
        "description": say(description),
        "author": about.publisher.name or "Lagebild",
        "keywords": [word.strip() for word in say("workbook.keywords").split(",")],
        "language": texts.language,
        "region": "de" if texts.language == "de" else "gb",
        "date": [moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second],
        "footer": say("report.footer", publisher=about.publisher.name or "Lagebild", number=number, date=day),
        "synthetic": about.is_synthetic,
        "notices": list(about.notices),
        "facts": [[say(f"report.{name}"), text] for name, text in facts if text],
        "words": {word: say(f"report.{word}") for word in words},
    }


def _period(contents: Contents) -> str:
    about, texts = contents.about, contents.texts
    if not about.period_from or not about.period_to:
        return ""
    first, last = texts.date(about.period_from), texts.date(about.period_to)
    return texts.say("report.period_text", first=first, last=last)


def _key_figure(contents: Contents, figure: KeyFigure, captions: dict[str, int]) -> list[str]:
    texts = contents.texts
    mark = ""
    if figure.caption:
        mark = f" [{captions.setdefault(figure.caption, len(captions) + 1)}]"
    value = (
        SIGNS[figure.status or "not_available"] if figure.value is None else texts.number(figure.value, figure.digits)
    )
    beside = SIGNS[figure.status] if figure.value is not None and figure.status else ""
    interval = ""
    if figure.low is not None and figure.high is not None and figure.low != figure.high:
        low, high = (_exact(contents, bound, figure.digits) for bound in (figure.low, figure.high))
        interval = texts.say("report.interval", low=low, high=high)
    known = figure.evidence in contents.package.evidence
    evidence = texts.say(f"workbook.evidence_{figure.evidence}") if known else ""
    return [figure.label + mark, f"{value} {beside}".strip(), figure.unit, interval, evidence]


def _exact(contents: Contents, bound: Any, digits: int) -> str:
    """An end of an interval with the decimals that it has: rounded, it could be the figure itself."""
    own = max(0, -int(bound.normalize().as_tuple().exponent))
    return contents.texts.number(bound, max(digits, own))


def _compared(contents: Contents) -> str:
    texts, previous = contents.texts, contents.about.previous
    if previous is None:
        return texts.say("report.first")
    count = sum(one.count for one in contents.about.change_counts)
    day = texts.date(previous.published_at.date())
    return texts.say("report.compared", number=previous.publication_id, date=day, count=texts.number(count, 0))


def _change_counts(contents: Contents) -> list[list[str]]:
    texts = contents.texts
    return [
        [
            texts.title(one.mart),
            *(texts.number(count, 0) for count in (one.revised, one.added, one.removed)),
            "" if one.largest_pct is None else texts.number(one.largest_pct, 1),
        ]
        for one in contents.about.change_counts
    ]


def _changes(contents: Contents) -> list[list[str]]:
    texts = contents.texts
    return [
        [
            texts.title(one.mart) + ": " + ", ".join(texts.code(*part) or part[1] for part in one.row_key if part[1]),
            texts.label(one.figure),
            texts.say("report.change", before=one.before or "–", after=one.after or "–"),
            one.why,
        ]
        for one in contents.about.changes[:_LISTED_CHANGES]
    ]


def _attachments(contents: Contents, files: Mapping[str, Path]) -> tuple[list[dict[str, str]], list[str]]:
    """The files to attach, and a line on each of them and of those that are too large."""
    attached, named = [], []
    for one in listed(contents, files):
        if files[one.name].stat().st_size > MOST_ATTACHED:
            limit = contents.texts.number(MOST_ATTACHED // 1_000_000, 0)
            named.append(contents.texts.say("report.attached_not", title=one.title, limit=limit, name=one.name))
            continue
        path = str(files[one.name].resolve())
        attached.append({"name": one.name.rpartition("/")[2], "path": path, "title": one.title})
        named.append(f"{one.name.rpartition('/')[2]}: {one.title}")
    return attached, named


def _is_numbers(table: tuple[tuple[str, ...], ...]) -> bool:
    """Whether all columns but the first hold numbers."""
    return bool(table) and all(
        not cell or cell[0].isdigit() or cell[0] in "–-." for row in table[1:] for cell in row[1:]
    )  # fmt: skip


@cache
def _fonts() -> Any:
    import typst  # late: needed only here

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


def _compiled(template: str, data: dict[str, Any], contents: Contents) -> bytes:
    import typst  # late: needed only here

    try:
        compiler = typst.Compiler(
            input=_ROOM / template,
            root="/",
            font_paths=_fonts(),
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        )
        made = compiler.compile(
            format="pdf", pdf_standards=["ua-1", "a-3a"], timestamp=int(contents.publication.published_at.timestamp())
        )
    except typst.TypstError as error:
        raise UserError(
            f"the report {template} cannot be set: {error.message}",
            remedy="; ".join(error.hints) or "mend its template",
        ) from error
    if not isinstance(made, bytes):
        raise UserError(f"the report {template} has no pages", remedy="mend its template")
    return made

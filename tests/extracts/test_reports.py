"""The printed reports: accessible by structure, the same bytes again, no text of a delivery read as markup."""

import io
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf

from extracts import recipient
from extracts.contents import NOT_STATED, Contents
from extracts.marts import Publication
from extracts.model import (
    Change,
    Chart,
    Earlier,
    KeyFigure,
    MartChanges,
    Publisher,
    QualityFact,
    QualitySection,
    Series,
)
from extracts.package import load
from extracts.reports import geometry, quality_report_pdf, report_pdf
from extracts.texts import GERMAN, Texts
from tests.extracts import pdf_gates
from tests.extracts.test_key_figures import gathered

AWKWARD = "#let x = 1; $a$ *b* _c_ @d <e> \\ // /* ` ~ \"q\" 'p' = - + [z] {w} #panic() \n neue Zeile"
D = Decimal
CHARTS = tuple(
    Chart(
        kind, kind, f"Diagramm {kind}", f"Ein Diagramm der Art {kind}.", "EUR", 0, ("2019", "2020", "2021"),
        (Series("A", (D(10), None if kind == "line" else D(-4), D(6))),)
        if kind in ("line", "waterfall", "bar") else (Series("A", (D(1), D(2), None)), Series("B", (D(3), None, D(4)))),
        "Lesehinweis", "cost_per_person", "Beispiel",
    )
    for kind in ("bar", "stacked", "line", "waterfall")
)  # fmt: skip


@pytest.fixture
def made_up() -> Contents:
    """Contents without rows and with everything beside them, in words that would be markup."""
    figure = KeyFigure(f"Kosten {AWKWARD}", D(2143), 0, "EUR", D("2139.5"), D("2146.5"), "limited", "synthetic",
                       "Nicht die Kosten einer Person", "cost_per_person", (("a", "b"),), "Quelle")  # fmt: skip
    about = replace(
        NOT_STATED,
        publisher=Publisher("Stadt (Beispiel)", "mail@example.org"),
        is_synthetic=True,
        notices=(AWKWARD,),
        previous=Earlier(1, 1, datetime(2026, 1, 1, tzinfo=UTC)),
        changes=(Change("cost_per_person", (("a", "b"),), "total_cost_eur", "revised", "1,00", "2,00", AWKWARD),),
        change_counts=(MartChanges("cost_per_person", 1, 0, 0, D("12.5")),),
        key_figures=(figure, replace(figure, value=None, low=None, high=None, status="confidential", caption="")),
        charts=CHARTS,
        quality=tuple(
            QualitySection(dimension, AWKWARD, (QualityFact("Name", AWKWARD),), (("Tabelle", "Zeilen"), ("x", "1")))
            for dimension in ("relevance", "accuracy", "timeliness", "coherence", "accessibility", "confidentiality")
        ),
    )
    publication = Publication(7, datetime(2026, 11, 30, 8, 15, tzinfo=UTC), "v")
    return Contents(load(), publication, (), [], [], [], {}, GERMAN, about)


@pytest.fixture
def attached(tmp_path) -> dict[str, Path]:
    path = tmp_path / "codes.csv"
    path.write_bytes(b"a;b\r\n")
    return {"daten/codes.csv": path}


def opened(data: bytes) -> Pdf:
    return pikepdf.open(io.BytesIO(data))


@pytest.mark.parametrize("language", ["de", "en"])
def test_both_reports_pass_every_gate(made_up, attached, language):
    contents = replace(made_up, texts=Texts(language))
    with opened(report_pdf(contents, attached)) as report, opened(quality_report_pdf(contents)) as quality:
        assert pdf_gates.findings(report, attachments=1) == []
        assert pdf_gates.findings(quality, attachments=0) == []
        assert str(report.Root.Lang) == ("de-DE" if language == "de" else "en-GB")
        assert sum(pdf_gates.role(report, one) == "Figure" for one in pdf_gates.elements(report)) == len(CHARTS)
        (name,) = report.attachments
        assert report.attachments[name].get_file().read_bytes() == b"a;b\r\n"


def test_the_demos_reports_pass_every_gate_on_few_pages_and_in_time(published_warehouse, attached):
    """Timed: both must be made in two seconds."""
    contents = gathered(published_warehouse, recipient.named(recipient.SHIPPED, True, "ministry"))
    began = time.perf_counter()
    report, quality = report_pdf(contents, attached), quality_report_pdf(contents)
    assert time.perf_counter() - began < 2
    with opened(report) as one, opened(quality) as other:
        assert pdf_gates.findings(one, attachments=1) == [] == pdf_gates.findings(other, attachments=0)
        assert 2 <= len(one.pages) <= 6 and len(other.pages) <= 10
        alts = [str(each.Alt) for each in pdf_gates.elements(one) if pdf_gates.role(one, each) == "Figure"]
    assert alts == [chart.alt_text for chart in contents.about.charts] and len(alts) >= 6


def test_the_same_contents_give_the_same_bytes(made_up, attached, monkeypatch, tmp_path):
    first = report_pdf(made_up, attached), quality_report_pdf(made_up)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.chdir(tmp_path)
    time.tzset()
    other = tmp_path / "elsewhere" / "codes.csv"
    other.parent.mkdir()
    other.write_bytes(b"a;b\r\n")
    assert (report_pdf(made_up, {"daten/codes.csv": other}), quality_report_pdf(made_up)) == first


def test_no_text_is_read_as_markup(made_up, attached):
    """What is said of a figure is there letter by letter, and nothing of it was run."""
    charts = (replace(CHARTS[0], alt_text=AWKWARD, title=AWKWARD, categories=(AWKWARD, "b", "c"), unit=AWKWARD),)
    about = replace(made_up.about, charts=charts, publisher=Publisher(AWKWARD, ""))
    with opened(report_pdf(replace(made_up, about=about), attached)) as report:
        (figure,) = [one for one in pdf_gates.elements(report) if pdf_gates.role(report, one) == "Figure"]
        assert str(figure.Alt) == AWKWARD
        assert str(report.docinfo["/Author"]) == AWKWARD
        assert pdf_gates.findings(report, attachments=1) == []


def test_a_large_file_is_named_and_not_attached(made_up, attached, monkeypatch):
    monkeypatch.setattr("extracts.reports.MOST_ATTACHED", 3)
    with opened(report_pdf(made_up, attached)) as report:
        assert len(report.attachments) == 0


# --- each gate finds what it is for -----------------------------------------------------------------------------------


def _first(pdf: Pdf, kind: str) -> Dictionary:
    return next(one for one in pdf_gates.elements(pdf) if pdf_gates.role(pdf, one) == kind)


def _no_alt(pdf: Pdf) -> None:
    del _first(pdf, "Figure")["/Alt"]


def _no_scope(pdf: Pdf) -> None:
    del _first(pdf, "TH")["/A"]


def _no_header(pdf: Pdf) -> None:
    for one in pdf_gates.elements(pdf):
        if pdf_gates.role(pdf, one) == "TH":
            one.S = Name.TD


def _deep_heading(pdf: Pdf) -> None:
    headings = [one for one in pdf_gates.elements(pdf) if pdf_gates.role(pdf, one) in ("H1", "H2", "H3")]
    headings[-1].S = Name.H6


def _not_a_cell(pdf: Pdf) -> None:
    _first(pdf, "TD").S = Name.P


def _rewritten(pdf: Pdf, keep: Callable[[str, list], list | None]) -> None:
    page = pdf.pages[0]
    out = []
    for operands, operator in pikepdf.parse_content_stream(page):
        changed = keep(str(operator), list(operands))
        if changed is not None:
            out.append((changed, operator))
    page.Contents = pdf.make_stream(pikepdf.unparse_content_stream(out))


def _untagged(pdf: Pdf) -> None:
    _rewritten(pdf, lambda operator, operands: None if operator in ("BDC", "BMC", "EMC") else operands)


def _other_mark(pdf: Pdf) -> None:
    def other(operator: str, operands: list) -> list:
        if operator == "BDC" and isinstance(operands[1], Dictionary) and operands[1].get("/MCID") == 0:
            return [operands[0], Dictionary(MCID=9999)]
        return operands

    _rewritten(pdf, other)


def _no_font(pdf: Pdf) -> None:
    for resources in pdf_gates._resources(pdf):
        for font in resources.get("/Font", Dictionary()).values():
            descriptor = (font.DescendantFonts[0] if "/DescendantFonts" in font else font).FontDescriptor
            for name in ("/FontFile", "/FontFile2", "/FontFile3"):
                if name in descriptor:
                    del descriptor[name]


def _no_letters(pdf: Pdf) -> None:
    for resources in pdf_gates._resources(pdf):
        for font in resources.get("/Font", Dictionary()).values():
            if "/ToUnicode" in font:
                del font["/ToUnicode"]


def _small_text(pdf: Pdf) -> None:
    _rewritten(pdf, lambda operator, operands: [operands[0], 4] if operator == "Tf" else operands)


def _no_language(pdf: Pdf) -> None:
    del pdf.Root["/Lang"]


def _not_marked(pdf: Pdf) -> None:
    del pdf.Root["/MarkInfo"]


def _title_hidden(pdf: Pdf) -> None:
    del pdf.Root["/ViewerPreferences"]


def _no_tree(pdf: Pdf) -> None:
    del pdf.Root["/StructTreeRoot"]


def _without(name: str) -> Callable[[Pdf], None]:
    def change(pdf: Pdf) -> None:
        with pdf.open_metadata(update_docinfo=False) as meta:
            del meta[name]

    return change


def _no_relationship(pdf: Pdf) -> None:
    del pdf.Root.AF[0]["/AFRelationship"]


def _no_association(pdf: Pdf) -> None:
    pdf.Root.AF = Array()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_no_alt, "a figure has no alternative text"),
        (_no_scope, "a header cell has no scope"),
        (_no_header, "a table has no header cell"),
        (_deep_heading, "a heading of level 6 follows"),
        (_not_a_cell, "a row holds something else than cells"),
        (_untagged, "neither tagged nor an artifact"),
        (_other_mark, "marked content [9999] is in no element"),
        (_other_mark, "elements name content [0] that is not there"),
        (_no_font, "is not embedded"),
        (_no_letters, "does not say which letters"),
        (_small_text, "page 1: text of 4 points"),
        (_no_language, "has no language"),
        (_not_marked, "is not marked as tagged"),
        (_title_hidden, "the title is not shown"),
        (_no_tree, "there is no structure tree"),
        (_without("dc:title"), "has no title"),
        (_without("pdfuaid:part"), "does not say PDF/UA-1"),
        (_without("pdfaid:conformance"), "does not say PDF/A-3a"),
        (_no_relationship, "does not say what it is to the document"),
        (_no_association, "1 files are attached, 0 of them"),
    ],
)
def test_each_gate_finds_what_it_is_for(made_up, attached, change, said):
    with opened(report_pdf(made_up, attached)) as pdf:
        assert pdf_gates.findings(pdf, attachments=1) == []
        change(pdf)
        assert [one for one in pdf_gates.findings(pdf, attachments=1) if said in one]


def test_a_missing_attachment_is_found(made_up, attached):
    with opened(report_pdf(made_up, attached)) as pdf:
        assert pdf_gates.findings(pdf, attachments=2) == ["1 files are attached, not 2"]


# --- where the marks of a chart stand ---------------------------------------------------------------------------------


def _drawn(kind: str) -> dict:
    return geometry.drawn(next(one for one in CHARTS if one.kind == kind), GERMAN)


@pytest.mark.parametrize("kind", ["bar", "stacked", "line", "waterfall"])
def test_everything_is_within_the_chart(kind):
    found = _drawn(kind)
    ends = [bar[end] for bar in found["bars"] for end in ("low", "high", "x")]
    ends += [part for path in found["lines"] for point in path["points"] for part in point]
    ends += [tick["at"] for tick in found["ticks"]] + [found["zero"]]
    assert ends and all(0 <= end <= 1 for end in ends)


def test_a_line_is_broken_where_there_is_no_number():
    assert [len(path["points"]) for path in _drawn("line")["lines"]] == [1, 1]


def test_a_waterfall_steps_from_total_to_total():
    first, less, last = _drawn("waterfall")["bars"]
    assert first["low"] == last["low"] == 0 and less["high"] == first["high"]
    assert last["high"] == less["low"] and less["text"] == "−4"


def test_a_row_without_a_number_has_a_sign_and_no_bar():
    hidden = replace(CHARTS[0], series=(Series("", (D(10), None, D(5))),))
    rows = geometry.drawn(hidden, GERMAN)["rows"]
    assert [(row["part"], row["value"]) for row in rows] == [(1.0, "10"), (None, "."), (0.5, "5")]


def test_stacked_parts_stand_on_each_other():
    bars = _drawn("stacked")["bars"]
    assert [(bar["low"], bar["high"]) for bar in bars[:2]] == [(0, 0.25), (0.25, 1)]

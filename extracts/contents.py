"""Everything a package says, gathered once, so that CSV, workbook and descriptor say the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import psycopg

from extracts import marts
from extracts.marts import Mart, Publication
from extracts.model import About, Publisher, Recipient
from extracts.package import MartEntry, Package
from extracts.texts import GERMAN, Texts
from lagebild.core.errors import UserError

NOT_STATED = About(Recipient("reviewer", "", "", "", "de", "public"), Publisher("", ""), False, None, None, None, None)
"""A release to nobody in particular."""
CAPTIONS = {"caption_de": "Lesehinweis", "caption_en": "Caption"}


@dataclass(frozen=True)
class Contents:
    """One publication's marts with their provenance."""

    package: Package
    publication: Publication
    marts: tuple[Mart, ...]
    sources: list[dict[str, Any]]
    """One dict a mart and delivery, with model_version, file name, SHA-256 and row counts."""
    warnings: list[dict[str, Any]]
    acceptances: list[dict[str, Any]]
    """One dict a delivery that was accepted despite what its checks found."""
    attributions: dict[str, dict[str, Any]]
    """Per source id: title, licenses and sources (`attribution.of_publication`)."""
    texts: Texts = GERMAN
    about: About = NOT_STATED

    def label(self, column: str) -> str:
        """The heading of a column in the workbook."""
        return self.texts.label(column)

    def captions(self, entry: MartEntry) -> list[str]:
        """The texts that must stand beside the mart's figures (German, then English); empty if none is due."""
        return [text for texts in self._caption_texts(entry.caption).values() for text in texts]

    @cached_property
    def deliveries(self) -> list[dict[str, Any]]:
        """Each delivery once, whichever marts used it."""
        names = ("source", "period", "file_name", "sha256", "records", "loaded", "rejected", "has_rounded_rows")
        distinct = {tuple(row[name] for name in names) for row in self.sources}
        return [dict(zip(names, values, strict=True)) for values in sorted(distinct, key=lambda v: v[:4])]

    @cached_property
    def model_versions(self) -> dict[str, str]:
        """Model version of each mart in this publication."""
        return {row["mart"]: row["model_version"] for row in self.sources}

    def notes(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The notes sheet: headings with their lines (label, text)."""
        publication, package = self.publication, self.package
        captions = [
            (CAPTIONS[name], text)
            for mart in dict.fromkeys(m.entry.caption for m in self.marts if m.entry.caption)
            for name, texts in self._caption_texts(mart).items()
            for text in texts
        ]
        sections = [
            (
                "Veröffentlichung",
                [
                    ("Nummer", str(publication.publication_id)),
                    ("Veröffentlicht am", f"{publication.published_at:%d.%m.%Y %H:%M} Uhr (UTC)"),
                    ("Programmstand", publication.code_version),
                ],
            ),
            ("Was die Kosten je Person bedeuten", list(dict.fromkeys(captions))),
            ("Blätter", [(m.entry.name, self._sheet_line(m)) for m in self.marts]),
            ("Evidenzklassen", [(name, f"{text['de']}\n{text['en']}") for name, text in package.evidence.items()]),
            ("Lieferungen", [(d["source"], _delivery_line(d)) for d in self.deliveries]),
            (
                "Auffälligkeiten der Prüfungen",
                [(w["subject"], _warning_line(w)) for w in self.warnings] or [("", "keine")],
            ),
            (
                "Trotz Beanstandung angenommene Lieferungen",
                [(a["source"], _acceptance_line(a)) for a in self.acceptances] or [("", "keine")],
            ),
            ("Gekürzte Texte", list(self._shortened())),
            ("Lizenzen und Quellenangaben", [(s, _attribution_line(a)) for s, a in self.attributions.items()]),
            ("Zu den Dateien", [("", note) for note in package.notes]),
        ]
        return [(heading, lines) for heading, lines in sections if lines]

    def _shortened(self) -> Iterator[tuple[str, str]]:
        """Each text that was cut, and the deliveries that it can be of."""
        for mart in self.marts:
            files = ", ".join(dict.fromkeys(row["file_name"] for row in self.used_by(mart.entry.name)))
            yield from ((mart.entry.name, f"{where}; aus {files}") for where in mart.shortened())

    def used_by(self, mart: str) -> list[dict[str, Any]]:
        """The deliveries behind one mart."""
        return [row for row in self.sources if row["mart"] == mart]

    def _caption_texts(self, name: str | None) -> dict[str, list[str]]:
        mart = next((m for m in self.marts if m.entry.name == name), None)
        if mart is None:
            return {}
        return {caption: list(dict.fromkeys(filter(None, mart.values(caption)))) for caption in CAPTIONS}

    def _sheet_line(self, mart: Mart) -> str:
        parts = [
            mart.entry.title[self.texts.language],
            f"{len(mart.rows)} {'Zeile' if len(mart.rows) == 1 else 'Zeilen'}",
        ]
        if mart.entry.name in self.model_versions:
            parts.append(f"Modellversion {self.model_versions[mart.entry.name]}")
        used = dict.fromkeys(f"{r['source']} {r['period']}" for r in self.used_by(mart.entry.name))
        parts.extend([f"aus {', '.join(used)}"] if used else [])
        return "; ".join(parts) + (f"\n{mart.description}" if mart.description else "")


def gather(
    connection: psycopg.Connection,
    package: Package,
    publication_id: int | None,
    attributed: Callable[[int], dict[str, dict[str, Any]]],
) -> Contents:
    """Read one publication, whose attributions `attributed` knows by its number.

    Raise UserError if a figure would go out without its caption, or data without its source.
    """
    publication = marts.publication(connection, publication_id)
    number = publication.publication_id
    read = tuple(marts.mart(connection, entry, number) for entry in package.marts)
    contents = Contents(
        package=package,
        publication=publication,
        marts=read,
        sources=marts.sources(connection, number),
        warnings=marts.warnings(connection, number),
        acceptances=marts.acceptances(connection, number),
        attributions=attributed(number),
        about=replace(NOT_STATED, is_synthetic=any("synthetic" in mart.values("evidence") for mart in read)),
    )
    for mart in contents.marts:
        _require_captions(contents, mart)
    return contents


def _require_captions(contents: Contents, mart: Mart) -> None:
    if mart.entry.caption != mart.entry.name:  # a borrowed caption is checked where it stands
        return
    for column in CAPTIONS:
        texts = mart.values(column)
        if mart.rows and not (texts and all(texts)):
            raise UserError(
                f"{mart.entry.name} of publication {contents.publication.publication_id} has rows without {column}:"
                " a cost figure is not released without its caption",
                remedy="give the method its caption (dbt_project/seeds/cost_method.csv), build and publish again",
            )


def _attribution_line(attribution: dict[str, Any]) -> str:
    titles = [s["title"] for s in attribution["sources"]]
    licences = [
        licence.get("title") or licence.get("name") or licence.get("path") or "" for licence in attribution["licenses"]
    ]
    return "\n".join(
        [
            attribution["title"],
            f"Quelle: {'; '.join(titles) or 'in der Lieferung nicht genannt'}",
            f"Lizenz: {'; '.join(filter(None, licences)) or 'beim Lieferanten zu erfragen'}",
        ]
    )


def _delivery_line(delivery: dict[str, Any]) -> str:
    if delivery["records"] is None and not delivery["has_rounded_rows"]:
        rows = "Zahl der Zeilen vertraulich"
    else:
        # Of a source about persons the view rounds to 5, and shows nothing below 3.
        records, loaded, rejected = (
            ("rund {}" if delivery["has_rounded_rows"] else "{}").format(delivery[name])
            if delivery[name] is not None
            else "weniger als 3"
            for name in ("records", "loaded", "rejected")
        )
        rows = f"{records} Zeilen, davon {loaded} geladen, {rejected} abgewiesen"
    return f"{delivery['file_name']} ({delivery['period']}): {rows}; SHA-256 {delivery['sha256']}"


def _warning_line(warning: dict[str, Any]) -> str:
    return f"{warning['why']} Gefunden: {warning['observed'] or '–'}; erwartet: {warning['expected'] or '–'}"


def _acceptance_line(acceptance: dict[str, Any]) -> str:
    until = acceptance["accepted_until"]
    return (
        f"{acceptance['file_name']} ({acceptance['period']}), SHA-256 {acceptance['sha256']}: angenommen am"
        f" {acceptance['accepted_at']:%d.%m.%Y} {f'bis {until:%d.%m.%Y}' if until else 'ohne Frist'}."
        f" Begründung: {acceptance['accepted_why']} Beanstandet war: {acceptance['in_spite_of']}"
    )

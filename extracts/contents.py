"""Everything a package says, gathered once, so that CSV, workbook and descriptor say the same."""

from collections.abc import Callable
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

    def used_by(self, mart: str) -> list[dict[str, Any]]:
        """The deliveries behind one mart."""
        return [row for row in self.sources if row["mart"] == mart]

    def _caption_texts(self, name: str | None) -> dict[str, list[str]]:
        mart = next((m for m in self.marts if m.entry.name == name), None)
        if mart is None:
            return {}
        return {caption: [text for (text,) in mart.distinct(caption) if text] for caption in CAPTIONS}


def gather(
    connection: psycopg.Connection,
    package: Package,
    publication_id: int | None,
    attributed: Callable[[int], dict[str, dict[str, Any]]],
    texts: Texts = GERMAN,
    recipient: Recipient = NOT_STATED.recipient,
) -> Contents:
    """Read what a recipient receives of one publication, whose attributions `attributed` knows by its number.

    What is returned reads on from the connection where a mart has more rows than are held.
    Raise UserError if a figure would go out without its caption, or data without its source.
    """
    publication = marts.publication(connection, publication_id)
    number = publication.publication_id
    read = tuple(marts.mart(connection, entry, number, recipient) for entry in package.marts)
    names = [entry.name for entry in package.marts]
    sources = marts.sources(connection, number, names, recipient.profile)
    used = {row["source"] for row in sources}
    contents = Contents(
        package=package,
        publication=publication,
        marts=read,
        sources=sources,
        warnings=marts.warnings(connection, number),
        acceptances=marts.acceptances(connection, number),
        attributions={source: _said(told, texts) for source, told in attributed(number).items() if source in used},
        texts=texts,
        about=replace(
            NOT_STATED,
            recipient=recipient,
            is_synthetic=any(("synthetic",) in mart.distinct("evidence") for mart in read),
        ),
    )
    for mart in contents.marts:
        _require_captions(contents, mart)
    return contents


def _said(attribution: dict[str, Any], texts: Texts) -> dict[str, Any]:
    """The attribution in the language of the package, as far as its texts are the contract's."""
    named = {
        kind: [one | {"title": texts.source(one["title"])} if one.get("title") else one for one in attribution[kind]]
        for kind in ("licenses", "sources")
    }
    return attribution | {"title": texts.source(attribution["title"])} | named


def _require_captions(contents: Contents, mart: Mart) -> None:
    if mart.entry.caption != mart.entry.name:  # a borrowed caption is checked where it stands
        return
    for column in CAPTIONS:
        texts = mart.distinct(column)
        if mart.rows and not (texts and all(text for (text,) in texts)):
            raise UserError(
                f"{mart.entry.name} of publication {contents.publication.publication_id} has rows without {column}:"
                " a cost figure is not released without its caption",
                remedy="give the method its caption (dbt_project/seeds/cost_method.csv), build and publish again",
            )

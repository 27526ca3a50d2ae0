"""Contracts of sources: `lagebild source check`, `docs`, `fit` and `sniff`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options
from lagebild.core import ags
from lagebild.core.errors import UserError

if TYPE_CHECKING:
    from ingest.contracts.check import Finding
    from lagebild.core.settings import Settings


@click.command(epilog=options.exit_codes("if something was found"))
@click.argument("source", required=False)
@options.form
@options.pass_settings
def check(settings: "Settings", source: str | None, form: str) -> None:
    """Check contracts and print each finding.

    Checks the contract of SOURCE, or all contracts. A finding has a file, a line and a message. Your city's own layouts
    (contracts/SOURCE.yml in LAGEBILD_CONFIG_DIR) are checked too, and whether any delivery uses them.

    \b
    Examples:
      lagebild source check register
      lagebild source check --format json
    """
    from ingest.contracts import check as contract_check

    paths = _paths(source)
    found = [finding for path in paths for finding in contract_check.findings(path) or _example_findings(path)]
    found += _own_findings(settings, source)
    if form == "json":
        options.echo_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            click.echo(finding)
    if found:
        sys.exit(1)
    if form == "text":
        click.echo(f"{len(paths)} contract{'s' * (len(paths) != 1)} checked, nothing found")


@click.command()
@click.argument("source", required=False)
@click.option("--out", type=click.Path(path_type=Path), default=Path("contract-pages"), show_default=True)
@click.option("--like", metavar="FILE_NAME", help="Describe the layout of a file of this name.")
@options.pass_settings
def docs(settings: "Settings", source: str | None, out: Path, like: str | None) -> None:
    """Write a page for each supplier.

    The page (HTML, in German) describes the files that the supplier of SOURCE, or of each source, has to send.

    \b
    Examples:
      lagebild source docs register --out /tmp/pages
      lagebild source docs register --like register_05911000_2026-12-31.csv
    """
    from ingest.contracts import own_layouts, read
    from ingest.onboarding import supplier_page

    if like is not None and source is None:
        raise click.UsageError("--like needs a SOURCE")
    out.mkdir(parents=True, exist_ok=True)
    for path in _paths(source):
        page, contract = out / f"{path.parent.name}.html", read(path)
        if like is not None:
            if not contract.match(like):
                raise UserError(f"{like} is no name of a file of {source}", remedy=f"such as {contract.example}")
            contract = own_layouts.as_written(own_layouts.for_file(settings.config, contract, like), like)
        page.write_text(supplier_page.page(contract), encoding="utf-8")
        click.echo(page)


@click.command()
@click.argument("source")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.pass_settings
def fit(settings: "Settings", source: str, file: Path) -> None:
    """Show which layout a file has.

    If FILE has no layout of SOURCE, shows what is different. Nothing is loaded.

    \b
    Example: lagebild source fit register register_05913000_2021-12-31.csv
    """
    from ingest.contracts import load, own_layouts
    from ingest.reading.header import head, header_of
    from ingest.reading.readers import refuse_other_delimiter
    from ingest.reading.refused import Refused

    contract = own_layouts.for_file(settings.config, load(source), file.name)
    match = contract.match(file.name)
    if match is None:
        if wrong := contract.wrong_ags(file.name):
            ags.require(wrong)
        raise UserError(
            f"{file.name}: the name does not match {contract.file_name.pattern}",
            remedy=f"rename the file, or change {contract.path}:{contract.line_of('file_name')}",
        )
    period = match["period"]
    try:
        header = header_of(contract, head(contract, file), period)
        if header is not None and contract.layout_for(header, period) is None:
            refuse_other_delimiter(contract, header, 1, period)
    except Refused as refusal:
        raise UserError(f"{file.name}: {refusal.message}", remedy=refusal.remedy) from refusal
    if header is None:
        click.echo(f"{file.name}: period {period}; a fixed-width file has no header to compare")
        return
    layout = contract.layout_for(header, period)
    if layout is None:
        if contract.has_personal_fields and not contract.is_header(header, period):
            agreed = ", ".join(contract.layouts_in(period)[0].header)
            raise UserError(
                f"{file.name}: the first line is no header; it is not shown, because it may be a person's",
                remedy=f"ask the supplier for a file that begins with the titles: {agreed}",
            )
        message, remedy = contract.header_refusal(header, period, is_shown=True)
        raise UserError(f"{file.name}: {message}", remedy=remedy)
    click.echo(f"{file.name}: period {period}, layout {layout.name}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def sniff(file: Path) -> None:
    """Propose a contract for an unknown file.

    Review the proposal before you use it: loading never guesses.

    \b
    Example: lagebild source sniff ~/zuzug_2024.csv > ingest/sources/zuzug/contract.yml
    """
    from ingest.onboarding import propose as proposals
    from ingest.reading.refused import Refused

    try:
        click.echo(proposals.proposal(file.name, proposals.sample(file)), nl=False)
    except Refused as refusal:
        raise UserError(f"{file.name}: {refusal.message}", remedy=refusal.remedy) from refusal


def _paths(source: str | None) -> list[Path]:
    from ingest.contracts import path_of, sources

    return [path_of(name) for name in ([source] if source else sources())]


def _own_findings(settings: "Settings", source: str | None) -> list["Finding"]:
    """What is wrong with what a city says of its own files of SOURCE, or of all, and with its own sources."""
    import psycopg

    from ingest.contracts import own_layouts, own_sources
    from lagebild.core import database

    found = own_layouts.findings(settings.config, source) + (
        own_sources.findings(settings.config) if source is None else []
    )
    if found:
        return found
    own = own_layouts.every(settings.config, source)
    try:
        if own:
            with database.connect(settings, database.LOADER) as connection:
                return own_layouts.unmatched(connection, own)
    except (UserError, psycopg.Error):
        click.echo(
            "no warehouse answers: whether any delivery is read as your own layouts say was not looked at", err=True
        )
    return []


def _example_findings(path: Path) -> list:
    """What keeps the bundled example from being a delivery of this contract; a city's own source may have none."""
    from ingest import bundled
    from ingest.contracts import is_own, read
    from ingest.contracts.check import Finding
    from ingest.reading.header import head, header_of
    from ingest.reading.refused import Refused

    contract = read(path)
    line = contract.line_of("example:")
    if is_own(contract.source):
        return []
    example = Path(bundled.__file__).parent / contract.source / contract.example
    if not example.is_file():
        return [Finding(path, line, f"the example {example} is not there")]
    try:
        header = header_of(contract, head(contract, example))
    except Refused as refusal:
        return [Finding(path, line, f"the example: {refusal.message}")]
    period = contract.file_name.fullmatch(contract.example)["period"]
    if header is None or contract.layout_for(header, period):
        return []
    message, _ = contract.header_refusal(header, period, is_shown=True)
    return [Finding(path, contract.line_of("fields:"), f"the example: {message}")]

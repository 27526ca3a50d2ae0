"""Download from sources: `lagebild source fetch`, `fetches`, `catalogue`."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild.cli import options
from lagebild.core import boards, output

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command(epilog=options.exit_codes("if a download failed or its file was refused"))
@click.argument("source")
@click.option("--table", "tables", multiple=True, help="Only this entry of the catalogue; can be repeated.")
@click.option("--year", "years", multiple=True, type=int, help="Only this year; can be repeated.")
@click.option("--force", is_flag=True, help="Download everything, even if unchanged.")
@options.pass_settings
def fetch(settings: "Settings", source: str, tables: tuple[str, ...], years: tuple[int, ...], force: bool) -> None:
    """Download what is due, load and check it.

    Each delivery is accepted or held. Without --table and --year the schedules of the catalogue decide what is due. If
    an earlier run was interrupted while the host prepared a table, this run waits for the same job. Bytes that were
    loaded before are no new delivery.

    \b
    Examples:
      lagebild source fetch genesis
      lagebild source fetch genesis --table 12411-01-01-4 --year 2024
      lagebild source fetch azr_nrw --force
    """
    from ingest.pulls import fetch as pulls
    from ingest.pulls.catalogue import entries
    from lagebild.review.pending import check_pending

    with boards.board() as board:
        outcomes = pulls.run(settings, source, tables, years, force, say=board.say, doing=board.doing)
        loaded = [o.delivery for o in outcomes if o.delivery and o.delivery.state == "loaded"]
        if loaded:
            board.doing(f"checking {len(loaded)} {'delivery' if len(loaded) == 1 else 'deliveries'}")
            for delivery in check_pending(settings, source):
                board.say(str(delivery))
    failed = [o.error for o in outcomes if o.error]
    for error in dict.fromkeys(map(str, failed)):
        click.echo(f"lagebild: {error}", err=True)
    if not outcomes:
        output.say(f"nothing of {source} is due; --table or --year asks all the same")
        for entry in entries(source):
            if entry.missing:
                output.say(f"{entry.id} is never asked for, because no address is set ({entry.missing})")
    if failed or any(o.delivery and o.delivery.state == "refused" for o in outcomes):
        sys.exit(1)


@click.command()
@click.argument("source", required=False)
@options.form
@options.pass_settings
def fetches(settings: "Settings", source: str | None, form: str) -> None:
    """List past downloads.

    Shows for SOURCE, or all sources, when and from where something was downloaded, the result, and open jobs.

    \b
    Example: lagebild source fetches genesis --format json
    """
    from ingest import contracts
    from ingest.pulls import fetch_log

    if source is not None:
        contracts.load(source)  # a source that does not exist was never pulled, but that would be no answer
    found = fetch_log.fetches(settings, source)
    if form == "json":
        options.echo_json([asdict(attempt) for attempt in found])
    else:
        click.echo("\n".join(map(str, found)) or "nothing was pulled yet")


@click.command()
@click.argument("source", required=False)
@options.form
def catalogue(source: str | None, form: str) -> None:
    """Check and list the catalogue of downloads.

    Shows for SOURCE, or all sources, what is downloaded, from where, when, and which setting is missing.

    \b
    Examples:
      lagebild source catalogue genesis
      lagebild source catalogue --format json
    """
    from ingest.pulls.catalogue import entries

    found = entries(source)
    if form == "json":
        options.echo_json([asdict(entry) for entry in found])
    else:
        for entry in found:
            click.echo(entry)

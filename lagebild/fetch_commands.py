"""`lagebild fetch`, `fetches`, `catalogue`: pull what is wanted, see what was pulled, see what is wanted."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lagebild import options, output

if TYPE_CHECKING:
    from lagebild.settings import Settings


@click.command(epilog=options.exit_codes("when an entry could not be fetched, or what came was refused"))
@click.argument("source")
@click.option("--table", "tables", multiple=True, help="Only this entry of the catalogue; may be repeated.")
@click.option("--year", "years", multiple=True, type=int, help="Only this year; may be repeated.")
@click.option("--force", is_flag=True, help="Ask for everything whole, due or not, also where nothing is new.")
@options.pass_settings
def fetch(settings: "Settings", source: str, tables: tuple[str, ...], years: tuple[int, ...], force: bool) -> None:
    """Pull what is due of SOURCE, load it, check what was loaded, and accept or hold it.

    Without --table and --year the catalogue's schedules say what is due. A job on the host that a killed run waited
    for is waited for again. The same bytes are never a new delivery.

    \b
    Examples:
      lagebild fetch genesis
      lagebild fetch genesis --table 12411-01-01-4 --year 2024
      lagebild fetch azr_nrw --force
    """
    from ingest import fetch as pulls
    from ingest.connectors.catalogue import entries
    from lagebild.gatekeeper import check_pending

    with output.board() as board:
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
    """List what was pulled of SOURCE, or of all: when, from where, what came, and what a job waits for.

    \b
    Example: lagebild fetches genesis --format json
    """
    from ingest import contracts, fetch_ledger

    if source is not None:
        contracts.load(source)  # a source that does not exist was never pulled, but that would be no answer
    found = fetch_ledger.fetches(settings, source)
    if form == "json":
        options.echo_json([asdict(attempt) for attempt in found])
    else:
        click.echo("\n".join(map(str, found)) or "nothing was pulled yet")


@click.command()
@click.argument("source", required=False)
@options.form
def catalogue(source: str | None, form: str) -> None:
    """Check the catalogue, and list what is pulled of SOURCE, or of all: from where, when, and what is missing.

    \b
    Examples:
      lagebild catalogue genesis
      lagebild catalogue --format json
    """
    from ingest.connectors.catalogue import entries

    found = entries(source)
    if form == "json":
        options.echo_json([asdict(entry) for entry in found])
    else:
        for entry in found:
            click.echo(entry)

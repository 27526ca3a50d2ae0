"""Files that people send: `lagebild delivery load`, `inbox`, `watch` and `reload`."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options
from lagebild.core import boards, output
from lagebild.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from ingest.deliveries.delivery_ledger import Delivery
    from ingest.inbox.inbox import Arrival
    from lagebild.core.progress import Board
    from lagebild.core.settings import Settings

# `ingest` and the gate cost time to import: the functions that need them do it.


@click.command(epilog=options.exit_codes("if a file was refused"))
@click.argument("targets", nargs=-1, required=True, metavar="SOURCE|FILE...")
@click.option("--source", help="Source, if the file name does not identify it.")
@click.option("--period", help="Period, if the file name does not contain it. Needs --source and one FILE.")
@options.pass_settings
def load(settings: "Settings", targets: tuple[str, ...], source: str | None, period: str | None) -> None:
    """Load files, check them, accept or hold them.

    Give a FILE, or a SOURCE to load all complete files of this source from all inboxes. A FILE stays where it is; its
    name, or --source and --period, identify it. Files from an inbox are moved, and the sender gets a receipt.

    \b
    Examples:
      lagebild delivery load ~/ledger_05913000_2019.csv
      lagebild delivery load ~/export.csv --source ledger --period 05913000_2019
      lagebild delivery load ledger
    """
    from ingest import contracts
    from ingest.deliveries import delivery_ledger
    from ingest.inbox import inbox
    from ingest.loading import intake
    from lagebild.core import database

    sources = [target for target in targets if target in contracts.sources()]
    if period is not None and (source is None or len(targets) != 1 or sources):
        raise click.UsageError("--period needs --source, and one FILE")
    owners = {Path(target): "" for target in targets if target not in contracts.sources()}
    for file in owners:
        if not file.is_file():
            meant = did_you_mean(str(file), contracts.sources())
            known = ", ".join(contracts.sources())
            said = f"there is no file {file}, and no source of that name. {meant.capitalize()}Sources: {known}"
            raise click.BadParameter(said, param_hint="SOURCE|FILE")
        owners[file] = contracts.load(source).source if source else inbox.source_of(file.name)
    name = contracts.load(source).name_for(period) if period is not None else None
    newest = delivery_ledger.newest(settings) if owners else 0
    problems: list[str] = []
    arrived, repeats = [], {}
    with database.reused(), boards.board(is_error=True) as board:
        for file, owner in owners.items():
            board.doing(f"loading {file.name}")
            progress = _progress(board, file.stat().st_size)
            try:
                contract = contracts.load(owner)
                with database.connect(settings, database.LOADER, autocommit=True) as connection:
                    loaded = intake.load_file(connection, settings, contract, file, progress=progress, name=name)
                arrived.append(loaded)
                if arrived[-1].delivery_id <= newest:
                    repeats[file] = arrived[-1]
            except UserError as error:
                problems.append(str(error))
        if sources:
            found = inbox.look_until_stable(settings, sources, problems.append, board.doing)
            waiting = [arrival for arrival in found.complete if arrival.source in sources]
            arrived += [_taken(settings, arrival, board, problems) for arrival in waiting]
            left = sum(entry.path.rpartition("/")[0] in ("", *sources) for entry, _ in found.unknown)
        decided = _decided(settings, board, sorted({*sources, *owners.values()}))
    for file, delivery in repeats.items():
        output.say(f"{file.name}: nothing new, same as delivery {delivery.delivery_id}")
    moved = {d.delivery_id: d for d in arrived if d} | decided
    _tell(settings, moved.values())
    if sources and left:
        files = f"{left} file{'s' * (left != 1)}"
        output.say(f"{files} with other names: not loaded, a receipt says why (lagebild delivery inbox lists them)")
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))
    if not moved:
        output.say(f"no files for {', '.join(sources)} in {', '.join([str(settings.drop), *settings.inboxes])}")
    if any(d and d.state == "refused" for d in arrived):
        sys.exit(1)


@click.command(epilog=options.exit_codes("if an inbox cannot be reached"))
@options.form
@options.pass_settings
def inbox(settings: "Settings", form: str) -> None:
    """List the files in the inboxes.

    Shows which files can be loaded, which are still being written, and which match no contract. Files that match no
    contract stay in the inbox. They may contain personal data, and neither retention nor erasure reaches them: ask the
    sender to remove them, or set LAGEBILD_UNCLAIMED_DAYS.

    \b
    Examples:
      lagebild delivery inbox
      lagebild delivery inbox --format json
    """
    from ingest.inbox import inbox as inboxes
    from ingest.inbox import unclaimed

    problems: list[str] = []
    seen = inboxes.look(settings, problems.append)
    left = unclaimed.every(settings, lambda problem: None)  # the same inboxes, said above
    waiting = [(arrival, "complete") for arrival in seen.complete] + [
        (arrival, "settling") for arrival in seen.settling
    ]
    if form == "json":
        found = [
            {"path": a.key, "state": state, "source": a.source, "size": a.size, "why": a.problem, "since": None,
             "days": None, "removed_on": None}
            for a, state in waiting
        ]  # fmt: skip
        options.echo_json([*found, *(one.facts() for one in left)])
    else:
        told = {"complete": "can be loaded", "settling": "is still being written, or lies there for a moment only"}
        lines = [f"{a.key}: of {a.source}, {told[state]}{f' ({a.problem})' * bool(a.problem)}" for a, state in waiting]
        click.echo("\n".join([*lines, *map(str, left)]) or "nothing lies in the inboxes")
    if said := unclaimed.warning(left):
        click.echo(f"lagebild: {said}", err=True)
    if problems:
        raise UserError("\n".join(problems))


@click.command(epilog=options.exit_codes("with --once if a file could not be loaded"))
@click.argument("place", metavar="FOLDER|URL")
@click.option("--every", type=click.FloatRange(min=0.1), default=5, show_default=True, help="Poll interval in seconds.")
@click.option("--once", is_flag=True, help="Poll once, then stop.")
@options.pass_settings
def watch(settings: "Settings", place: str, every: float, once: bool) -> None:
    """Load files from a folder as they arrive.

    Polls a folder, or an SFTP or S3 store, and loads each complete file. The sender gets a receipt. Ctrl-C (or SIGTERM)
    finishes the current file, then stops.

    \b
    Examples:
      lagebild delivery watch ~/incoming
      lagebild delivery watch sftp://lagebild@sftp.example.org/incoming --every 30
    """
    own, inbox = _watched(settings, place)
    stop = threading.Event()
    _stop_at_signals(stop)
    said: set[str] = set()
    if output.current.level > output.Level.QUIET:
        click.echo(f"watching {place}" + ("" if once else f" every {every:g} s; Ctrl-C stops it"), err=True)
    while True:
        problems = _look(own, inbox, stop)
        for problem in problems:
            if problem not in said:
                click.echo(f"lagebild: {problem}", err=True)
        said = set(problems)
        if once or stop.wait(every):
            break
    if once and problems:
        sys.exit(1)


@click.command()
@click.argument("delivery_id", type=int, metavar="DELIVERY")
@options.pass_settings
def reload(settings: "Settings", delivery_id: int) -> None:
    """Load a landed file again.

    Use it after a contract or the code was fixed. It is a new attempt of the same delivery.

    \b
    Example: lagebild delivery reload 12
    """
    from ingest.loading.load import reload as load_again
    from lagebild.review.pending import check_pending

    delivery = load_again(settings, delivery_id)
    decided = {d.delivery_id: d for d in check_pending(settings, delivery.source)}
    options.renew_receipts(settings)
    click.echo(decided.get(delivery.delivery_id, delivery))


def _watched(settings: "Settings", place: str) -> "tuple[Settings, str]":
    """The settings that have this inbox, and its label."""
    from ingest.inbox.stores import base
    from lagebild.core import variables

    if "://" in place:
        inbox = variables.inbox_url(place)
    elif not Path(place).is_dir():
        raise click.BadParameter(f"{place} is no folder", param_hint="FOLDER|URL")
    elif Path(place).resolve() == settings.drop:
        return settings, base.DROP
    else:
        inbox = Path(place).resolve().as_uri()
    return replace(settings, inboxes=tuple(dict.fromkeys([*settings.inboxes, inbox]))), inbox


def _look(settings: "Settings", inbox_label: str, stop: threading.Event) -> list[str]:
    """Take what is complete, check it, answer it; what went wrong."""
    from ingest.inbox import inbox

    problems: list[str] = []
    try:
        found = inbox.look(settings, problems.append, inbox_label, notifies=True)
        for key in found.notified:
            click.echo(f"{key}: not taken; its receipt says why")
        if found.complete:
            with boards.board(is_error=True) as board:
                taken = []
                for arrival in found.complete:
                    if not stop.is_set():
                        taken.append(_taken(settings, arrival, board, problems))
                moved = {d.delivery_id: d for d in taken if d}
                if moved:
                    moved |= _decided(settings, board, sorted({d.source for d in moved.values()}))
            _tell(settings, moved.values())
    except UserError as error:
        problems.append(str(error))
    return problems


def _taken(settings: "Settings", arrival: "Arrival", board: "Board", problems: list[str]) -> "Delivery | None":
    """The delivery of a file that was taken; None if that was not possible now."""
    import psycopg

    from ingest.inbox import inbox

    board.doing(f"loading {arrival.path}")
    try:
        return inbox.take(settings, arrival.key, _progress(board, arrival.size))
    except UserError as error:
        problems.append(f"{arrival.path}: {error}")
    except psycopg.Error as error:  # its details may show a row
        problems.append(f"{arrival.path}: {error.diag.message_primary or type(error).__name__}; it is tried again")
    return None


def _decided(settings: "Settings", board: "Board", sources: list[str]) -> dict[int, "Delivery"]:
    """Check what was loaded, and renew receipts; the deliveries that were decided, by number."""
    from lagebild.review.pending import check_pending

    board.doing("checking what was loaded")
    decided = {d.delivery_id: d for source in sources for d in check_pending(settings, source)}
    options.renew_receipts(settings)
    return decided


def _tell(settings: "Settings", moved: "Collection[Delivery]") -> None:
    """Print each delivery, the totals to which its rows sum, and why rows of it were rejected."""
    from ingest.deliveries import rejected
    from ingest.loading import totals
    from lagebild.core import database

    if not moved:
        return
    with database.connect(settings, database.LOADER) as connection:
        for delivery in moved:
            click.echo(delivery)
            for total in totals.agreeing(connection, delivery.delivery_id):
                click.echo(f"  {total.text('en')}")
            for fault in rejected.faults(connection, delivery):
                click.echo(f"  {fault}")


def _progress(board: "Board", total: int) -> Callable[[int], None]:
    done = 0

    def progress(count: int) -> None:
        nonlocal done
        done += count
        board.part(done, total)

    return progress


def _stop_at_signals(stop: threading.Event) -> None:
    """Stop after the current file at the first Ctrl-C or SIGTERM, at once at the second."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def asked(number: int, frame: object) -> None:
        stop.set()
        for own, handler in before.items():
            signal.signal(own, handler)
        # Not by echo: the signal may come while that is printing.
        os.write(sys.stderr.fileno(), b"finishing the current file, then stopping; once more stops at once\n")

    for number in before:
        signal.signal(number, asked)

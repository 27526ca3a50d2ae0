"""Commands on personal data: keys, erasure, retention."""

from typing import TYPE_CHECKING, TextIO

import click

from lagebild.cli import options
from lagebild.core.errors import UserError

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


_municipality = click.option("--municipality", required=True, help="Its name or AGS, e.g. Dortmund or 05913000.")
_purpose = click.option("--purpose", required=True, help="As the contract names it under pseudonym_purpose.")


@click.command()
@_municipality
@_purpose
@options.pass_settings
def create(settings: "Settings", municipality: str, purpose: str) -> None:
    """Create a pseudonym key.

    Each municipality and purpose has its own key. Back it up: without it, later deliveries cannot be joined to earlier
    ones.

    \b
    Example: lagebild privacy keys create --municipality 05913000 --purpose integration_statistics
    """
    from ingest.deliveries import pseudonyms
    from lagebild.core import places

    municipality = places.municipality(settings, municipality)
    path = pseudonyms.key_path(settings.keys, municipality, purpose)
    made = pseudonyms.ensure_key(settings.keys, municipality, purpose)
    click.echo(f"made {path}" if made else f"{path} is there already and was left as it is")


@click.command()
@_municipality
@_purpose
@options.pass_settings
def rotate(settings: "Settings", municipality: str, purpose: str) -> None:
    """Rotate a pseudonym key.

    Adds a key to the chain and wraps every stored pseudonym with it. Back up the keys afterwards. This does not help
    against a leaked key: see docs/runbooks/rotate-a-key.md.

    \b
    Example: lagebild privacy keys rotate --municipality 05913000 --purpose integration_statistics
    """
    from ingest.privacy.rotation import rotate as wrap
    from lagebild.core import places

    click.echo(wrap(settings, places.municipality(settings, municipality), purpose))


@click.command(epilog=options.exit_codes("if nothing of the person is stored"))
@_municipality
@_purpose
@click.option(
    "--identifier-file",
    required=True,
    type=click.File(),
    help="File with the identifier on one line, as it stands in the deliveries; - reads standard input.",
)
@click.option("--unseen", is_flag=True, help="Also if nothing of the person is stored: block older files too.")
@options.pass_settings
def erase(settings: "Settings", municipality: str, purpose: str, identifier_file: TextIO, unseen: bool) -> None:
    """Erase a person from all stored data.

    Removes rows, rejected rows and landed files. The identifier is never an argument, because every user of the machine
    can read arguments. If nothing of the person is stored, the identifier may be mistyped: this is an error and nothing
    changes. With --unseen rejected rows and unreadable files that may be theirs are erased anyway, and older files
    cannot bring the person back.

    \b
    Example: lagebild privacy erase --municipality Dortmund --purpose integration_statistics --identifier-file -
    """
    from ingest.privacy.erasure import erase as remove
    from lagebild.core import places

    try:
        lines = [line.strip() for line in identifier_file.read().splitlines() if line.strip()]
    except UnicodeDecodeError:
        lines = []  # the error would quote bytes of the identifier
    if len(lines) != 1:
        raise UserError("the identifier file has not exactly one line of text", remedy="one person at a time, in UTF-8")
    from ingest.inbox import unclaimed

    ags = places.municipality(settings, municipality)
    click.echo(remove(settings, ags, purpose, lines[0], unseen_too=unseen))
    if left := unclaimed.every(settings, lambda line: click.echo(f"lagebild: {line}", err=True)):
        files = f"{len(left)} files in inboxes that match no contract"
        click.echo(f"not searched: {files} (lagebild delivery inbox lists them)", err=True)


@click.command()
@click.option("--apply", "is_applied", is_flag=True, help="Delete. Without it, what is due is only listed.")
@options.form
@options.pass_settings
def retention(settings: "Settings", is_applied: bool, form: str) -> None:
    """Delete files whose retention has ended.

    These are landed files of personal sources, copies in taken/, and receipts. Path, hash and ledger entry stay.

    \b
    Examples:
      lagebild privacy retention --format json
      lagebild privacy retention --apply
    """
    from ingest.privacy import retention as keeping

    clear = keeping.apply if is_applied else keeping.due
    found = clear(settings, lambda line: click.echo(f"lagebild: {line}", err=True))
    if form == "json":
        options.echo_json([entry.facts() | {"deleted": is_applied} for entry in found])
        return
    verb = "deleted" if is_applied else "due (nothing was deleted, --apply does it)"
    click.echo("\n".join(f"{verb}: {entry}" for entry in found) or "nothing is due")

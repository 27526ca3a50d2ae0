"""Commands on releases: make one for a recipient, return a former one, list, recall; list the recipients."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from lagebild.core.settings import Settings


@click.command(epilog=options.exit_codes("also if a release made again has other bytes"))
@click.argument("recipient", required=False)
@click.option("--publication", "publication_id", type=int, help="An earlier publication. Default: the current one.")
@click.option("--again", type=int, metavar="N", help="The files of release N, byte for byte, from the store.")
@click.option("--rebuild", "rebuilt", type=int, metavar="N", help="Make release N again from the database and compare.")
@click.option("--to", type=click.Path(path_type=Path), metavar="FOLDER", help="New folder for --again and --rebuild.")
@options.pass_settings
def release(
    settings: "Settings",
    recipient: str | None,
    publication_id: int | None,
    again: int | None,
    rebuilt: int | None,
    to: Path | None,
) -> None:
    """Release a publication to a recipient.

    A recipient is a file: lagebild recipients lists them. The package is stored, signed once and registered; the same
    publication is released to a recipient once. --again returns a former release under any later version. --rebuild
    needs the version that made it, and says which files differ.

    \b
    Examples:
      lagebild release ministry
      lagebild release ministry --publication 3
      lagebild release --again 7 --to ~/release-7
      lagebild release --rebuild 7 --to /tmp/release-7
    """
    if sum(one is not None for one in (recipient, again, rebuilt)) != 1:
        raise click.UsageError("give a RECIPIENT, or --again N, or --rebuild N")
    if publication_id is not None and recipient is None:
        raise click.UsageError("--publication goes with a RECIPIENT")
    if to is not None and recipient is not None:
        raise click.UsageError("--to goes with --again or --rebuild")
    if recipient is not None:
        _release(settings, recipient, publication_id)
    elif again is not None:
        _again(settings, again, to)
    elif rebuilt is not None:
        if to is None:
            raise click.UsageError("--rebuild needs --to FOLDER")
        _rebuild(settings, rebuilt, to)


def _release(settings: "Settings", name: str, publication_id: int | None) -> None:
    from extracts import recipient
    from extracts.release import release

    made = release(settings, publication_id, recipient.named(settings.config, settings.demo, name))
    number = made.release.release_id
    if not made.is_new:
        click.echo(f"release {number} was made on {made.release.released_at:%Y-%m-%d}; it is unchanged", err=True)
    if made.release.delivered_at:
        click.echo(f"release {number} lies where {name} fetches it", err=True)
    click.echo(made.folder)


def _again(settings: "Settings", number: int, to: Path | None) -> None:
    from extracts.release import again
    from lagebild.core import database
    from lagebild.warehouse import releases

    with database.connect(settings, database.BUILDER) as register:
        recalled = releases.one(register, number)
        folder = again(settings, register, number, to and to.expanduser().resolve())
    if recalled.recalled_at:
        click.echo(f"release {number} was recalled: {recalled.recalled_why}", err=True)
    click.echo(folder)


def _rebuild(settings: "Settings", number: int, to: Path) -> None:
    from extracts.release import rebuild
    from lagebild.core import database

    with database.connect(settings, database.BUILDER) as register:
        made = rebuild(settings, register, number, to.expanduser().resolve())
    if made.other_code:
        click.echo(f"made by other versions than release {number}: {', '.join(made.other_code)}", err=True)
    if made.differing:
        click.echo(f"{made.folder}: other bytes than release {number}: {', '.join(made.differing)}")
        raise SystemExit(1)
    click.echo(f"{made.folder}: every byte as in release {number}")


@click.command()
@click.option("--recipient", help="Only those to this recipient.")
@click.option("--unsafe", is_flag=True, help="Only packages from before figures were protected.")
@options.form
@options.pass_settings
def releases(settings: "Settings", recipient: str | None, unsafe: bool, form: str) -> None:
    """List the packages that were released.

    Shows number, date, publication, recipient, purpose and hash, and which were recalled or could not be delivered. An
    unsafe package contains figures that are confidential today; its recipient has them. Such packages are no longer
    made.

    \b
    Examples:
      lagebild releases
      lagebild releases --recipient ministry --format json
    """
    from lagebild.core import database
    from lagebild.warehouse import releases as registered

    with database.connect(settings, database.BUILDER) as register:
        listed = [one for one in registered.found(register, recipient=recipient) if one.is_unsafe or not unsafe]
    if form == "json":
        options.echo_json([asdict(one) for one in listed])
    else:
        click.echo("\n".join(map(str, listed)) or f"no {'unsafe ' * unsafe}package was handed out")


@click.command()
@click.argument("release_id", type=int, metavar="RELEASE")
@click.option("--reason", required=True, help="Why. Readers see it in marts.release: name no person.")
@options.pass_settings
def recall(settings: "Settings", release_id: int, reason: str) -> None:
    """Declare that a release no longer counts.

    The register keeps it, and --again still returns it. Tell the recipient; the next release to them can be of the same
    publication.

    \b
    Example: lagebild recall 7 --reason "the employees of 2019 were of another district"
    """
    from lagebild.core import database
    from lagebild.warehouse import releases as registered

    with database.connect(settings, database.BUILDER) as register:
        recalled = registered.recall(register, release_id, reason)
    click.echo(f"release {release_id} to {recalled.recipient} is recalled: {recalled.recalled_why}")


@click.command()
@options.form
@options.pass_settings
def recipients(settings: "Settings", form: str) -> None:
    """List who receives releases.

    Each is a file in the folder `recipients` of your configuration. Shows language, profile, schedule and whether a
    release is due.

    \b
    Examples:
      lagebild recipients
      lagebild recipients --format json
    """
    from extracts import recipient
    from extracts.due import due

    known = recipient.known(settings.config, settings.demo)
    wanted, refused = due(settings)
    waiting = {one.recipient: one.why for one in refused}
    if form == "json":
        states = {name: "due" if name in wanted else "refused" if name in waiting else "not_due" for name in known}
        options.echo_json([recipient.written(one) | {"state": states[name]} for name, one in known.items()])
        return
    for name, one in known.items():
        state = "due" if name in wanted else f"refused: {waiting[name]}" if name in waiting else "nothing due"
        click.echo(f"{name}: {one.office or one.purpose}  {one.language}, {one.profile}, {one.schedule}  {state}")

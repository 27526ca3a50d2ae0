"""Commands on releases: make one for a recipient, return a former one, list, recall; list the recipients."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from psycopg import Connection

    from extracts.release import Rebuilt, Released
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
    if rebuilt is not None and to is None:
        raise click.UsageError("--rebuild needs --to FOLDER")
    from extracts import recipient as recipients_of
    from extracts import release as releasing

    with releasing.desk(settings, recipient or "") as desk:
        if recipient is not None:
            one = recipients_of.named(settings.config, settings.demo, recipient)
            _tell_released(desk.release(publication_id, one))
        elif again is not None:
            folder = desk.again(again, to and to.expanduser().resolve())
            _tell_again(again, folder, desk.register)
        elif rebuilt is not None and to is not None:
            _tell_rebuilt(rebuilt, desk.rebuild(rebuilt, to.expanduser().resolve()))


def _tell_released(made: "Released") -> None:
    one = made.release
    if not made.is_new:
        click.echo(f"release {one.release_id} was made on {one.released_at:%Y-%m-%d}; it is unchanged", err=True)
    if one.delivered_at:
        click.echo(f"release {one.release_id} lies where {one.recipient} fetches it", err=True)
    click.echo(made.folder)


def _tell_again(number: int, folder: Path, register: "Connection") -> None:
    from lagebild.warehouse import releases

    one = releases.one(register, number)
    if one.recalled_at:
        click.echo(f"release {number} was recalled: {one.recalled_why}", err=True)
    click.echo(folder)


def _tell_rebuilt(number: int, made: "Rebuilt") -> None:
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
    from extracts.release import desk
    from lagebild.warehouse import releases as registered

    with desk(settings) as opened:
        listed = [one for one in registered.found(opened.register, recipient=recipient) if one.is_unsafe or not unsafe]
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
    from extracts.release import desk
    from lagebild.warehouse import releases as registered

    with desk(settings) as opened:
        recalled = registered.recall(opened.register, release_id, reason)
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
    from extracts.release import desk

    known = recipient.known(settings.config, settings.demo)
    with desk(settings) as opened:
        wanted, refused = due(opened.register, settings.config, settings.demo)
    waiting = {one.recipient: one.why for one in refused}
    if form == "json":
        states = {name: "due" if name in wanted else "refused" if name in waiting else "not_due" for name in known}
        options.echo_json([recipient.written(one) | {"state": states[name]} for name, one in known.items()])
        return
    for name, one in known.items():
        state = "due" if name in wanted else f"refused: {waiting[name]}" if name in waiting else "nothing due"
        click.echo(f"{name}: {one.office or one.purpose}  {one.language}, {one.profile}, {one.schedule}  {state}")

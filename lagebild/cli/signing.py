"""Commands on the signature of releases: verify a package; create, rotate and revoke the house's signing key."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lagebild.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagebild.core.settings import Settings
    from lagebild.warehouse.releases import Standing


@click.command(epilog=options.exit_codes("if the package is not as it was released"))
@click.argument("folder", type=click.Path(path_type=Path), metavar="PACKAGE")
@click.option("--key", "public", metavar="KEY", help="Public key, or its file; else the keys of this house.")
@options.form
@options.pass_settings
def verify(settings: "Settings", folder: Path, public: str | None, form: str) -> None:
    """Check that a package is as it was released.

    Compares every file with SHA256SUMS, and SHA256SUMS with its signature. Without --key the house's own keys are used,
    and its register says whether the release still stands; a recipient gives the key that the publisher told them by
    another way than the package.

    \b
    Examples:
      lagebild verify .lagebild/extracts/publication-1/ministry
      lagebild verify ~/Downloads/ministry --key lagebild.pub --format json
    """
    from extracts import signing
    from extracts.verify import package
    from lagebild.core import database
    from lagebild.warehouse.releases import Standing

    keys = [signing.read_public(public)] if public else signing.public_keys(settings.keys)
    verdict = package(folder, keys)
    known = None if public else _registered(partial(database.connect, settings), verdict.sums_sha256)
    if form == "json":
        key = verdict.key.key_id if verdict.key else None
        register = asdict(known) if isinstance(known, Standing) else known
        options.echo_json(asdict(verdict) | {"key": key, "is_good": verdict.is_good, "register": register})
    else:
        click.echo(str(verdict))
        if known is not None:
            click.echo(f"register: {known}")
    if not verdict.is_good:
        raise SystemExit(1)


def _registered(connected: "Callable", sums_sha256: str) -> "Standing | str":
    """What the house's register says of a package; why it says nothing where no warehouse answers."""
    import psycopg

    from lagebild.core import database
    from lagebild.core.errors import UserError
    from lagebild.warehouse import releases

    try:
        with connected(database.BUILDER) as register:
            return releases.standing(register, sums_sha256)
    except (UserError, psycopg.Error) as error:
        return f"not asked, no warehouse answers ({str(error).splitlines()[0]})"


@click.command("list")
@options.form
@options.pass_settings
def listing(settings: "Settings", form: str) -> None:
    """List the public keys of the house.

    The first is in use. What a retired key signed stays valid; what a revoked one signed proves nothing.

    \b
    Example: lagebild release-key list --format json
    """
    from extracts.signing import public_keys

    found = public_keys(settings.keys)
    if form == "json":
        options.echo_json(
            [
                {
                    "key_id": key.key_id,
                    "public": key.public,
                    "state": key.state,
                    "revoked_on": key.revoked_on,
                    "revoked_why": key.revoked_why,
                }
                for key in found
            ]
        )
    else:
        click.echo(
            "\n".join(map(str, found)) or "no key yet: the first release creates it, or lagebild release-key create"
        )


@click.command()
@options.pass_settings
def create(settings: "Settings") -> None:
    """Create the first signing key.

    Back up the keys folder afterwards, and tell recipients the public key by another way than the package.

    \b
    Example: lagebild release-key create
    """
    from extracts import signing

    click.echo(f"key {signing.create(settings.keys)} is in use\n{_public(settings.keys)}")


@click.command()
@options.pass_settings
def rotate(settings: "Settings") -> None:
    """Retire the key in use and create another.

    Its packages stay valid. Tell recipients the new public key, and back up the keys folder.

    \b
    Example: lagebild release-key rotate
    """
    from extracts import signing

    former, latter = signing.rotate(settings.keys)
    click.echo(f"key {latter} is in use{f', {former} is retired' if former else ''}\n{_public(settings.keys)}")


@click.command()
@click.argument("key_id", metavar="KEY")
@click.option("--reason", required=True, help="Why. Whoever verifies a package reads it: name no person.")
@options.pass_settings
def revoke(settings: "Settings", key_id: str, reason: str) -> None:
    """Declare a signing key unsafe.

    If it was in use, another is created. Its packages no longer verify. The register still knows what was really
    released: lagebild releases.

    \b
    Example: lagebild release-key revoke 0123456789ABCDEF --reason "a copy of the keys folder was lost"
    """
    from datetime import datetime

    from extracts import signing
    from lagebild.core.settings import BERLIN

    current = signing.revoke(settings.keys, key_id.upper(), reason, datetime.now(BERLIN).date())
    click.echo(f"key {key_id.upper()} is revoked; key {current} is in use\n{_public(settings.keys)}")


def _public(keys: Path) -> str:
    from extracts.signing import public_keys

    return f"public key: {public_keys(keys)[0].public}"

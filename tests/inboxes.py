"""Inboxes in tests: what the command line and Airflow do file by file, at once."""

from ingest.deliveries.delivery_ledger import Delivery
from ingest.inbox import inbox
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings


def drain(settings: Settings, source: str | None = None) -> list[Delivery]:
    """Take every complete file of a source, or of all; the ledger's rows, also of what was refused.

    UserError of the first file that could not be loaded (such as a missing key), after all others were.
    """
    taken, problem = [], None
    for arrival in inbox.complete(settings, source):
        try:
            taken.append(inbox.take(settings, arrival.key))
        except UserError as error:
            problem = problem or error
    if problem:
        raise problem
    return [delivery for delivery in taken if delivery]


def tell_unknown(settings: Settings) -> list[str]:
    """Answer the files of no source; the keys of those that got a receipt now."""
    return inbox.look(settings, notifies=True).notified


def problems(settings: Settings) -> str:
    """What a look says of inboxes that cannot be reached."""
    said: list[str] = []
    inbox.look(settings, said.append)
    return "\n".join(said)


def unknown(settings: Settings) -> list[str]:
    """The paths of all files of no source."""
    return [entry.path for entry, _ in inbox.look(settings).unknown]

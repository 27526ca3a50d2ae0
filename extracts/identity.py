"""What a release is called and how its publisher is reached: the same in descriptor, catalogue entry and readme."""

import re
import uuid

from extracts.contents import Contents
from extracts.model import Publisher
from lagebild.core.errors import UserError

_NAMES = uuid.UUID("3d2b1f0c-6c1e-5b7a-9d55-0f6a2f1c7e10")
"""The space of our names: version 5 of UUID gives the same name for the same words."""


def name(contents: Contents, *parts: object) -> str:
    """`urn:uuid:...` of a thing of this publisher and recipient: the same words, the same name, on any machine."""
    about = contents.about
    words = "\n".join(map(str, (about.publisher.name, about.recipient.name, *parts)))
    return uuid.uuid5(_NAMES, words).urn


def dataset_name(contents: Contents, publication_id: int | None = None) -> str:
    """The name of a publication's data (default: this one's) as this publisher gives it to this recipient."""
    number = contents.publication.publication_id if publication_id is None else publication_id
    return name(contents, "publication", number)


def contact_address(publisher: Publisher) -> str:
    """The publisher's contact as an address, `mailto:` or of a page; empty if none is given.

    UserError if it is neither.
    """
    contact = publisher.contact.strip()
    if re.fullmatch(r"[^\s@<>\"]+@[^\s@<>\"]+", contact):
        return f"mailto:{contact}"
    if not contact or re.fullmatch(r"(https?://|mailto:)[^\s<>\"]+", contact):
        return contact
    raise UserError(
        f"the contact {contact!r} is neither a mail address nor a page, so that no program can name it",
        remedy="give a mail address, or a page with https:// in front",
    )

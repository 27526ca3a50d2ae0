"""What goes wrong when a source is pulled: one class a cause, so that a caller can tell them apart.

Each error names its subject (a table's code, a job, an address), what the service said (bounded, one line, never a
credential) and what to do.
"""

import re

from lagebild.core.errors import UserError

MAX_SAID = 300
"""Characters of a service's message that an error repeats."""


class PullError(UserError):
    """A pull did not succeed."""

    what = "the source could not be pulled"
    to_do = "try again later"
    transient = False
    """Whether the same request may succeed later without anybody doing anything."""

    def __init__(self, subject: str, said: str = "", *, what: str | None = None, to_do: str | None = None):
        self.subject = subject
        self.said = bounded(said)
        self.pause_seconds: float | None = None
        """How long the service asks to wait before the next try."""
        told = f"; the service says: {self.said}" if self.said else ""
        super().__init__(f"{subject}: {what or self.what}{told}", to_do or self.to_do)


class NoLogin(PullError):
    """No credentials, or credentials that the service refuses (HTTP 401 and 403; codes 2, 12 and 15)."""

    what = "the service does not accept the login, or there is none"
    to_do = (
        "check user and password in the service's web page (each service has its own accounts); set them as an Airflow"
        " connection, as LAGEBILD_<HOST>_USER and _PASSWORD (or _TOKEN), or as files in the secrets folder"
    )


class GuestLogin(NoLogin):
    """The service took the request for a guest's: it saw no credentials, or did not recognise them."""

    what = "the service takes us for a guest"
    to_do = NoLogin.to_do + "; a proxy on the way may also have removed the headers username and password"


class NoJobs(PullError):
    """A job was wanted if there is none: the host has no jobs, or the login is a token, which may only read."""

    what = "no job can be started"


class NoSuchTable(PullError):
    """Code 90."""

    what = "the service does not know the table"
    to_do = "look the code up in the service's catalogue and correct the entry of ours"


class NoSuchFile(PullError):
    """HTTP 404 and 410."""

    what = "there is nothing at this address"
    to_do = "look the address up at the publisher's and correct the entry of the catalogue"


class TooLarge(PullError):
    """Code 98: more values than the service hands out at once."""

    what = "the table has more values than the service hands out at once"
    to_do = "let a job make it, or ask for fewer years or regions"


class NothingNewer(PullError):
    """Code 50: the service itself says that the table has not changed."""

    what = "nothing newer than what was asked for"
    to_do = "nothing: what is here is the latest"


class NoObjects(PullError):
    """Code 104: nothing fits the selection."""

    what = "the service has nothing for this selection"
    to_do = "check years, regions and keys of the catalogue's entry; for a job's result: it is gone, start another"


class NoData(NoObjects):
    """Code -1 with the word that the table, or a part of it, has no data: the table is announced, or was emptied."""

    what = "the table is without data"
    to_do = "look at the table in the service's web page; take its entry out of the catalogue until it has data"


class TooManyRequests(PullError):
    """Code 6 and HTTP 429, still after all tries."""

    what = "the service refuses further requests for now"
    to_do = "try again later; see whether somebody else uses the same account"
    transient = True


class ServiceDown(PullError):
    """HTTP 5xx, code -1 (see `NoData`), no connection, or an answer that broke off; still after all tries."""

    what = "the service does not work at present"
    to_do = "try again later; the service's web page may tell of maintenance"
    transient = True


class TimeIsUp(PullError):
    """The total time limit of a request passed, or its turn never came."""

    what = "the time for this request is up"
    to_do = "try again later, or ask for less"
    transient = True


class HtmlInstead(PullError):
    """A web page where data should be, whatever the status says: maintenance, a login page, a proxy's message."""

    what = "the answer is a web page and no data"
    to_do = "open the address in a browser to see what it says; after maintenance try again"
    transient = True


class BrokenArchive(PullError):
    """A zip that is cut off, damaged, or unpacks beyond all bounds."""

    what = "the archive in the answer is damaged"
    to_do = "try again; if it stays so, ask the service's operator"
    transient = True


class WrongMember(PullError):
    """A zip that holds anything but the one file of this table."""

    what = "the archive in the answer does not hold this table"
    to_do = "the service may have changed its file names; look at the archive before trusting it"


class Oversized(PullError):
    """More bytes than any wanted file has."""

    what = "the answer is larger than allowed"
    to_do = "check the address; ask for fewer years or regions"


class Moved(PullError):
    """A redirect of a request with credentials, which are never sent on."""

    what = "the service sends us to another address, where the credentials do not follow"
    to_do = "see whether the service has really moved; then set LAGEBILD_<HOST>_URL"


class UnknownReport(PullError):
    """An answer that this client does not know."""

    what = "the service's answer is none that is known"
    to_do = "try the same in the service's web page; if the service has changed, the client must follow"


def bounded(text: object) -> str:
    """A service's message in one line of at most `MAX_SAID` characters, without control characters."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", str(text or "")[: 10 * MAX_SAID]).split())
    return line if len(line) <= MAX_SAID else f"{line[: MAX_SAID - 1]}…"

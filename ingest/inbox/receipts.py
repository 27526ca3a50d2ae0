"""Receipts: what became of a file that somebody sent, as JSON and as a text a clerk can read, German and English.

They lie in `receipts/` of the inbox that the file came to, and are written anew when the delivery's state changes. No
value of a person and no account of who decided is in them; the form of the JSON is `schemas/receipt.json`.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import Connection

from ingest import contracts
from ingest.contracts import Contract, messages
from ingest.contracts.inbox_names import RECEIPTS
from ingest.contracts.messages import Message
from ingest.deliveries import delivery_ledger, rejected
from ingest.deliveries.delivery_ledger import Delivery
from ingest.inbox import files
from ingest.inbox.files import InboxFile
from ingest.inbox.stores import base
from ingest.inbox.stores.base import Entry, Store
from ingest.inbox.stores.named import labels, opened
from ingest.loading import totals
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN, ROOT, Settings

MAX_ROWS = 50
"""Rejected rows that a receipt lists; more are counted."""
MAX_REASON = 4000
MAX_NAME_BYTES = 180
"""Of a file's name in the name of its receipt: file systems allow 255."""
UNKNOWN, REMOVED = "unknown", "removed"
SCHEMA = Path(__file__).parents[1] / "schemas" / "receipt.json"


@dataclass(frozen=True)
class Why:
    """Why a file stays where it is, and what its sender can do."""

    said: Message
    to_do: Message | None = None
    """None: what is said of every file that is not taken."""
    source: str | None = None
    """Whose file it is, for all that can be seen."""


def renamed(said: Message, name: str, source: str | None = None) -> Why:
    """A file that has to be renamed; `name`: a right one."""
    return Why(said, Message("do_rename", name=name), source)


def saved_as(kind: str, name: str, source: str | None = None) -> Why:
    """A file that has to be saved as another kind; `kind`: of the file, `name`: a right one."""
    right = name.rpartition(".")[2]
    said = Message("kind_not_agreed", kind=kind, right=right)
    return Why(said, Message("do_save_as", right=right, name=name), source)


_STATES = {
    "received": (Message("state_received"), Message("do_received")),
    "loaded": (Message("state_loaded"), Message("do_loaded")),
    "accepted": (Message("state_accepted"), Message("do_accepted")),
    "held": (Message("state_held"), Message("do_held")),
    "refused": (Message("state_refused"), Message("do_refused")),
    "superseded": (Message("state_superseded"), Message("do_superseded")),
    "withdrawn": (Message("state_withdrawn"), Message("do_withdrawn")),
    UNKNOWN: (Message("state_unknown"), Message("do_unknown")),
    REMOVED: (Message("state_removed"), Message("do_removed")),
}
"""Of each state: its name, and what to do."""


def write(settings: Settings, connection: Connection, store: Store, row: InboxFile) -> None:
    """Write the receipt of a file that was taken, as things stand now."""
    contract = contracts.load(row.source)
    event = files.last_event(connection, row.delivery_id)
    delivery = None if row.delivery_id is None else delivery_ledger.get(connection, row.delivery_id)
    _put(store, name_of(row), _of_taken(settings, connection, row, contract, delivery))
    files.set_notified(connection, row, event)


def write_unknown(store: Store, entry: Entry, why: Why, days: int | None = None) -> bool:
    """Write the receipt of a file that stays where it is, once for each version of it; whether it was due.

    `days`: after how many days such a file is removed, by the operator's setting; never before its receipt has said so
    for as long. Nothing of it enters the database: its name may be a person's.
    """
    before = _of_version(store, entry)
    content = _of_unknown(entry, why, before, days)
    if {**before, "written_at": ""} == {**content, "written_at": ""}:
        return False
    _put(store, name_of_unknown(entry), content)
    return True


def told_of(store: Store, entry: Entry) -> tuple[datetime | None, date | None]:
    """Since when the receipt of a file that stays where it is tells of this version, and from when on it is removed."""
    before = _of_version(store, entry)
    since, goes = before.get("state_since") or before.get("written_at"), before.get("removed_on")
    return since and datetime.fromisoformat(since), goes and date.fromisoformat(goes)


def write_removed(store: Store, entry: Entry) -> None:
    """Tell the sender of a file that stayed where it was that it is gone."""
    before = _of_version(store, entry)
    now = _time(datetime.now(BERLIN))
    told = {"state": REMOVED, "what_to_do": _both(_STATES[REMOVED][1]), "state_since": now}
    told |= {"kept": _both(Message("kept_nowhere")), "written_at": now}
    _put(store, name_of_unknown(entry), before | told)


def _of_version(store: Store, entry: Entry) -> dict[str, Any]:
    """The receipt that tells of this version of a file that stays where it is; empty where none does."""
    path = f"{RECEIPTS}/{name_of_unknown(entry)}.json"
    if store.entry(path) is not None:
        with contextlib.suppress(ValueError):  # somebody wrote into it: it is written anew
            found = json.loads(store.head(path, 1 << 20))
            if isinstance(found, dict) and found.get("version") == entry.version and found.get("state") == UNKNOWN:
                return found
    return {}


def name_of(row: InboxFile) -> str:
    """The name of a taken file's receipt, without its ending."""
    return f"{_safe(row.name)}.{row.inbox_file_id}"


def places(settings: Settings, delivery_id: int) -> list[str]:
    """Where the receipts of a delivery lie, newest file first; none for what was fetched."""
    with database.connect(settings, database.LOADER) as connection:
        rows = files.of_delivery(connection, delivery_id)
    folders = {base.DROP: str(settings.drop)}
    return [f"{folders.get(row.inbox, row.inbox)}/{RECEIPTS}/{name_of(row)}.txt" for row in reversed(rows)]


def name_of_unknown(entry: Entry) -> str:
    """The name of the receipt of a file that stays where it is, without its ending."""
    raw = entry.path.encode(errors="surrogateescape")
    return f"{_safe(entry.name)}.{hashlib.sha256(raw).hexdigest()[:8]}"


def renew(settings: Settings, say: Callable[[str], None] = lambda line: None) -> list[str]:
    """Write every receipt anew whose delivery moved since; the files that they are of.

    An inbox that cannot be reached is said, and its receipts stay due: a decision never fails because of a receipt.
    """
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        due: dict[str, list[InboxFile]] = {}
        for row in files.not_notified(connection):
            is_near = row.inbox in labels(settings) or row.inbox.startswith("file:")
            if is_near and row.source in contracts.sources():
                due.setdefault(row.inbox, []).append(row)
        renewed = []
        for label, rows in due.items():
            try:
                with opened(settings, label) as store:
                    for row in rows:
                        write(settings, connection, store, row)
                        renewed.append(f"{label}/{row.path}")
            except UserError as error:
                say(f"{len(rows)} receipts are written later: {error}")
        return renewed


def _put(store: Store, name: str, content: dict) -> None:
    store.write(f"{RECEIPTS}/{name}.txt", _as_text(content).encode())
    store.write(f"{RECEIPTS}/{name}.json", (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode())


def _safe(name: str) -> str:
    """A name for a receipt: no signs that a terminal or another system stumbles over, and not too long."""
    text = re.sub(r"[^\w.,()+=@ -]", "_", base.shown(name)).strip() or "_"
    return text.encode()[:MAX_NAME_BYTES].decode(errors="ignore").lstrip(".") or "_"


def _contact(contract: Contract) -> str:
    return contract.german.get("contact") or contract.contact or contract.owner


def _of_taken(
    settings: Settings, connection: Connection, row: InboxFile, contract: Contract, delivery: Delivery | None
) -> dict:
    state = "received" if delivery is None else delivery.state
    rows = [] if delivery is None else _rejected_rows(connection, contract, delivery.delivery_id)
    is_gone = contract.has_personal_fields and row.state == "done"
    kept = Message("kept_in_landing") if is_gone else Message("kept_taken", path=row.taken_path)
    # What was taken under a wrong name is not asked for under the same name again.
    is_misnamed = delivery is not None and delivery.period == "unknown"
    return _content(
        **({"what_to_do": _both(Message("do_rename", name=contract.example))} if is_misnamed else {}),
        file_name=row.name,
        number=row.inbox_file_id,
        state=state,
        reason=_reason(settings, row, delivery),
        contact=_contact(contract),
        source=row.source,
        title={"de": contract.german.get("title") or contract.title, "en": contract.title},
        received_at=_time(row.claimed_at),
        state_since=_time(None if delivery is None else delivery.decided_at or delivery.loaded_at),
        delivery=None
        if delivery is None
        else {
            "delivery_id": delivery.delivery_id,
            "period": delivery.period,
            "sha256": delivery.sha256,
            "byte_size": delivery.byte_size,
            "is_repeat": row.claimed_at is not None and delivery.received_at < row.claimed_at,
            "records": delivery.records,
            "loaded": delivery.loaded,
            "rejected": delivery.rejected,
            "accepted_until": delivery.accepted_until.isoformat() if delivery.accepted_until else None,
        },
        faults=[] if delivery is None else _faults(connection, delivery),
        totals=[] if delivery is None else _totals(connection, delivery),
        rejected_rows=rows,
        kept=_both(kept),
    )


def _of_unknown(entry: Entry, why: Why, before: dict[str, Any], days: int | None) -> dict:
    since = before.get("state_since") or before.get("written_at") or _time(datetime.now(BERLIN))
    goes = _removed_on(date.fromisoformat(since[:10]), before.get("removed_on"), days)
    kept = Message("kept_until", day=goes) if goes else Message("kept_where_it_was")
    known = [contracts.load(source) for source in ([why.source] if why.source else contracts.sources())]
    to_do = {"what_to_do": _both(why.to_do)} if why.to_do else {}
    return _content(
        **to_do,
        file_name=base.shown(entry.name),
        number=None,
        state=UNKNOWN,
        reason=_both(why.said),
        contact=None,
        version=entry.version,
        state_since=since,
        removed_on=goes and goes.isoformat(),
        kept=_both(kept),
        known_files=[
            {
                "source": contract.source,
                "example": contract.example,
                "title": {"de": contract.german.get("title") or contract.title, "en": contract.title},
                "contact": _contact(contract),
            }
            for contract in known
        ],
    )


def _removed_on(since: date, said: str | None, days: int | None) -> date | None:
    """From which day on a file goes: never sooner than its sender was told for so many days."""
    if days is None:
        return None
    after = timedelta(days=days)
    soonest = datetime.now(BERLIN).date() + after
    return soonest if said is None else max(since + after, min(date.fromisoformat(said), soonest))


def _content(state: str, **content: object) -> dict:
    """A receipt as JSON; what a kind of receipt lacks is null or empty."""
    empty = {"source": None, "title": None, "received_at": None, "state_since": None, "delivery": None, "version": None}
    empty |= {"removed_on": None, "faults": [], "totals": [], "rejected_rows": [], "known_files": []}
    own = {"format": 1, "state": state, "what_to_do": _both(_STATES[state][1])}
    return own | empty | content | {"written_at": _time(datetime.now(BERLIN))}


def _both(message: Message) -> dict[str, str]:
    return {language: message.told(language) for language in ("de", "en")}


def _rejected_rows(connection: Connection, contract: Contract, delivery_id: int) -> list[dict]:
    """Line and reasons of rejected rows, as many as a receipt lists; reasons never quote what the row says."""

    def both(reason: dict[str, Any]) -> dict:
        message = {"de": rejected.in_german(reason), "en": reason["message"]}
        return {"code": reason["code"], "field": reason["field"], "message": message}

    rows = connection.execute(
        "select line_number, reasons from raw.rejected_row where delivery_id = %s order by line_number limit %s",
        [delivery_id, MAX_ROWS],
    ).fetchall()
    named = [(line, [reason for reason in reasons if _may_be_told(contract, reason)]) for line, reasons in rows]
    return [{"line": line, "reasons": [both(reason) for reason in reasons]} for line, reasons in named if reasons]


def _may_be_told(contract: Contract, reason: dict[str, Any]) -> bool:
    return reason["message"] != rejected.ERASED and rejected.may_name_lines(contract, reason["code"])


def _faults(connection: Connection, delivery: Delivery) -> list[dict]:
    """What is wrong with the rejected rows, counted by field and rule."""
    return [
        {
            "field": fault.field,
            "code": fault.code,
            "rows": fault.rows,
            "message": {"de": fault.text("de"), "en": fault.text("en")},
        }
        for fault in rejected.faults(connection, delivery)
    ]


def _totals(connection: Connection, delivery: Delivery) -> list[dict]:
    """The totals of the file to which its rows sum."""
    return [
        {
            "line": total.line,
            "field": total.title,
            "printed": str(total.printed),
            "message": {language: total.text(language) for language in ("de", "en")},
        }
        for total in totals.agreeing(connection, delivery.delivery_id)
    ]


def _reason(settings: Settings, row: InboxFile, delivery: Delivery | None) -> dict[str, str] | None:
    """Why a file is in its state, in both languages; without the folders of this machine, and not without end."""
    text = row.problem if delivery is None else delivery.reason
    if text is None:
        return None
    german = messages.in_language(text if _is_by_person(delivery) else messages.translatable(text), "de")
    both = {"de": german, "en": str(text)}
    own = (settings.drop, settings.landing, settings.keys, settings.secrets, settings.config, settings.home)
    for folder in (*own, ROOT):
        both = {key: said.replace(f"{folder}/", "") for key, said in both.items()}
    return {key: said if len(said) <= MAX_REASON else f"{said[:MAX_REASON]} ..." for key, said in both.items()}


def _is_by_person(delivery: Delivery | None) -> bool:
    """Whether a reason that is no message was given by a person: nobody else accepts for one, withdraws, or refuses
    what was loaded.
    """
    if delivery is None:
        return False
    is_sent_back = delivery.state == "refused" and delivery.loaded_at is not None
    return is_sent_back or delivery.state in ("accepted", "superseded", "withdrawn")


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(BERLIN).isoformat(timespec="seconds")


def _as_text(content: dict) -> str:
    return f"{_half(content, 'de')}\n\n{'-' * 72}\n\n{_half(content, 'en')}\n"


def _half(c: dict, language: str) -> str:
    """The receipt in one language."""
    d = c["delivery"] or {}

    def said(code: str, /, **parameters: Any) -> str:
        return Message(code, **parameters).told(language)

    state = _STATES[c["state"]][0].told(language)
    lines = [said("receipt_of", name=_one_line(c["file_name"])), "", said("receipt_state", state=state)]
    if c["title"]:
        lines.append(said("receipt_source", title=c["title"][language], source=c["source"]))
    if d:
        repeat = said("receipt_repeat") if d["is_repeat"] else ""
        lines.append(said("receipt_delivery", delivery_id=d["delivery_id"], period=d["period"]) + repeat)
        if d["records"] is not None:
            counts = {name: d[name] for name in ("records", "loaded", "rejected")}
            lines.append(said("receipt_rows", **counts))
        lines.append("SHA-256: {sha256} ({byte_size} Bytes)".format(**d))
        lines += [said("receipt_until", accepted_until=d["accepted_until"])] * bool(d["accepted_until"])
    lines += [said("receipt_received", at=c["received_at"])] * bool(c["received_at"])
    lines += [said("receipt_since", at=c["state_since"])] * bool(c["state_since"])
    if c["reason"]:
        lines += ["", said("receipt_reason"), *(f"  {line}" for line in c["reason"][language].splitlines())]
    if c["totals"]:
        lines += ["", said("receipt_totals"), *(f"  {total['message'][language]}" for total in c["totals"])]
    if c["faults"]:
        lines += ["", said("receipt_faults"), *(f"  {fault['message'][language]}" for fault in c["faults"])]
    if c["rejected_rows"]:
        lines += ["", said("receipt_rejected")]
        for row in c["rejected_rows"]:
            reasons = "; ".join(reason["message"][language] for reason in row["reasons"])
            lines.append(said("receipt_line", line=row["line"], reasons=reasons))
        left = d["rejected"] - len(c["rejected_rows"])
        lines += [said("receipt_more", count=left)] * (left > 0)
    lines += ["", said("receipt_to_do", to_do=c["what_to_do"][language]), c["kept"][language]]
    lines += [said("receipt_ask", contact=c["contact"])] * bool(c["contact"])
    if c["known_files"]:
        lines += ["", said("receipt_expected")]
        for known in c["known_files"]:
            asked = said("receipt_ask", contact=known["contact"])
            lines.append(f"  {known['example']}: {known['title'][language]}; {asked}")
    return "\n".join([*lines, "", said("receipt_written", at=c["written_at"])])


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)

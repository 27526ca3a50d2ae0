"""Receipts: what became of a file that somebody sent, as JSON and as a text a clerk can read, German and English.

They lie in `receipts/` of the inbox that the file came to, and are written anew when the delivery's state changes. No
value of a person and no account of who decided is in them; the form of the JSON is `schemas/receipt.json`.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from psycopg import Connection

from ingest import contracts, inbox_files, ledger, stores
from ingest.contracts import Contract
from ingest.inbox_files import InboxFile
from ingest.ledger import Delivery
from ingest.stores import RECEIPTS, Entry, Store, StoreError
from lagebild import database
from lagebild.settings import ROOT, Settings

MAX_ROWS = 50
"""Rejected rows that a receipt lists; more are counted."""
MAX_REASON = 4000
MAX_NAME_BYTES = 180
"""Of a file's name in the name of its receipt: file systems allow 255."""
UNKNOWN = "unknown"
_BERLIN = ZoneInfo("Europe/Berlin")

_STATES = {
    "received": (
        "EINGEGANGEN, noch nicht geladen",
        "RECEIVED, not loaded yet",
        "Nichts. Das Laden wird von selbst wieder versucht. Dauert es länger als einen Tag, fragen Sie nach.",
        "Nothing. Loading is tried again by itself. If it takes longer than a day, ask.",
    ),
    "loaded": (
        "GELADEN, die Prüfung folgt",
        "LOADED, to be checked next",
        "Nichts. Diese Quittung wird erneuert, sobald geprüft ist.",
        "Nothing. This receipt is renewed when the check is done.",
    ),
    "accepted": ("ANGENOMMEN", "ACCEPTED", "Nichts.", "Nothing."),
    "held": (
        "ANGEHALTEN, jemand entscheidet darüber",
        "HELD, somebody decides on it",
        "Prüfen Sie die Gründe. Stimmt die Datei, sagen Sie das der Ansprechstelle; sonst schicken Sie eine berichtigte"
        " Datei unter demselben Namen.",
        "Look at the reasons. If the file is right, tell the contact; else send a corrected file under the same name.",
    ),
    "refused": (
        "ZURÜCKGEWIESEN, nichts davon wird verwendet",
        "REFUSED, nothing of it is used",
        "Beheben Sie den Grund und schicken Sie die Datei unter demselben Namen noch einmal.",
        "Mend the reason and send the file again under the same name.",
    ),
    "superseded": (
        "ERSETZT durch eine spätere Lieferung",
        "SUPERSEDED by a later delivery",
        "Nichts.",
        "Nothing.",
    ),
    "withdrawn": (
        "ZURÜCKGEZOGEN, nichts davon wird mehr verwendet",
        "WITHDRAWN, nothing of it is used any more",
        "Nichts, wenn eine berichtigte Datei schon geschickt wurde; sonst schicken Sie eine.",
        "Nothing, if a corrected file was sent already; else send one.",
    ),
    UNKNOWN: (
        "NICHT GENOMMEN, die Datei wurde nicht angerührt",
        "NOT TAKEN, the file was not touched",
        "Beheben Sie den Grund (die Liste unten zeigt, welche Namen erwartet werden), oder nehmen Sie die Datei weg.",
        "Mend the reason (the list below shows the names that are expected), or take the file away.",
    ),
}
"""Of each state: German, English, and what to do, German and English."""
_REASONS = {
    "required": "die Angabe fehlt",
    "type": "die Angabe ist keine Zahl, kein Datum oder nicht so geschrieben wie vereinbart",
    "pattern": "die Angabe ist nicht so geschrieben wie vereinbart",
    "enum": "die Angabe steht nicht in der Liste der erlaubten Werte",
    "code_list": "die Angabe steht nicht in der Liste der erlaubten Werte",
    "minimum": "die Angabe ist zu klein oder zu früh",
    "maximum": "die Angabe ist zu groß oder zu spät",
    "field_count": "die Zeile hat zu viele oder zu wenige Felder",
    "quoting": "die Anführungszeichen der Zeile sind nicht richtig gesetzt",
    "repeat": "die Zeile steht schon einmal in der Datei",
    "conflict": "eine andere Zeile hat denselben Schlüssel und andere Angaben",
    "rule": "die Angaben der Zeile widersprechen einander",
}


def write(settings: Settings, connection: Connection, store: Store, row: InboxFile) -> None:
    """Write the receipt of a file that was taken, as things stand now."""
    contract = contracts.load(row.source)
    event = inbox_files.last_event(connection, row.delivery_id)
    delivery = None if row.delivery_id is None else ledger.get(connection, row.delivery_id)
    _put(store, f"{_safe(row.name)}.{row.inbox_file_id}", _of_taken(connection, row, contract, delivery))
    inbox_files.set_told(connection, row, event)


def write_unknown(store: Store, entry: Entry, why: tuple[str, str]) -> bool:
    """Write the receipt of a file that stays where it is, once for each version of it; whether it was due.

    `why` says in German and English what is wrong. Nothing of it enters the database: its name may be a person's.
    """
    raw = entry.path.encode(errors="surrogateescape")
    name = f"{_safe(entry.name)}.{hashlib.sha256(raw).hexdigest()[:8]}"
    content = _of_unknown(entry, *why)
    written = store.entry(f"{RECEIPTS}/{name}.json")
    if written is not None:
        before = json.loads(store.head(written.path, 1 << 20))
        if {**before, "written_at": ""} == {**content, "written_at": ""}:
            return False
    _put(store, name, content)
    return True


def renew(settings: Settings, say: Callable[[str], None] = lambda line: None) -> list[str]:
    """Write every receipt anew whose delivery moved since; the files that they are of.

    An inbox that cannot be reached is said, and its receipts stay due: a decision never fails because of a receipt.
    """
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        due: dict[str, list[InboxFile]] = {}
        for row in inbox_files.untold(connection):
            if row.inbox in stores.labels(settings) or row.inbox.startswith("file:"):
                due.setdefault(row.inbox, []).append(row)
        renewed = []
        for label, rows in due.items():
            try:
                with stores.opened(settings, label) as store:
                    for row in rows:
                        write(settings, connection, store, row)
                        renewed.append(f"{label}/{row.path}")
            except StoreError as error:
                say(f"{len(rows)} receipts are written later: {error}")
        return renewed


def _put(store: Store, name: str, content: dict) -> None:
    store.write(f"{RECEIPTS}/{name}.txt", _as_text(content).encode())
    store.write(f"{RECEIPTS}/{name}.json", (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode())


def _safe(name: str) -> str:
    """A name for a receipt: no signs that a terminal or another system stumbles over, and not too long."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = re.sub(r"[^\w.,()+=@ -]", "_", text).strip() or "_"
    return text.encode()[:MAX_NAME_BYTES].decode(errors="ignore").lstrip(".")


def _contact(contract: Contract) -> str:
    return contract.german.get("contact") or contract.contact or contract.owner


def _of_taken(connection: Connection, row: InboxFile, contract: Contract, delivery: Delivery | None) -> dict:
    state = "received" if delivery is None else delivery.state
    reason = row.problem if delivery is None else delivery.reason
    rejected = [] if delivery is None else _rejected_rows(connection, delivery.delivery_id)
    kept = (
        (
            "Die Datei wurde hier entfernt, weil sie Angaben über Personen enthält. Ihre Bytes liegen in der"
            " Eingangsablage, bis die vereinbarte Frist um ist.",
            "The file was removed here, because it holds data about persons. Its bytes lie in the landing zone until"
            " the agreed time is over.",
        )
        if contract.has_personal_fields and row.state == "done"
        else (f"Die Datei liegt jetzt in {row.taken_path}.", f"The file lies in {row.taken_path} now.")
    )
    return _content(
        file_name=row.name,
        number=row.inbox_file_id,
        state=state,
        reason=_shown(reason),
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
        rejected_rows=rejected,
        kept={"de": kept[0], "en": kept[1]},
    )


def _of_unknown(entry: Entry, german: str, english: str) -> dict:
    known = [contracts.load(source) for source in contracts.sources()]
    return _content(
        file_name=entry.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        number=None,
        state=UNKNOWN,
        reason={"de": german, "en": english},
        contact=None,
        version=entry.version,
        kept={"de": "Die Datei liegt, wo sie war.", "en": "The file lies where it was."},
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


def _content(state: str, **content: object) -> dict:
    """A receipt as JSON; what a kind of receipt lacks is null or empty."""
    _, _, german, english = _STATES[state]
    empty = {"source": None, "title": None, "received_at": None, "state_since": None, "delivery": None, "version": None}
    empty |= {"rejected_rows": [], "known_files": []}
    own = {"format": 1, "state": state, "what_to_do": {"de": german, "en": english}}
    return own | empty | content | {"written_at": _time(datetime.now(_BERLIN))}


def _rejected_rows(connection: Connection, delivery_id: int) -> list[dict]:
    """Line and reasons of rejected rows, as many as a receipt lists; reasons never quote what the row says."""
    rows = connection.execute(
        "select line_number, reasons from raw.rejected_row where delivery_id = %s order by line_number limit %s",
        [delivery_id, MAX_ROWS],
    ).fetchall()
    return [{"line": line, "reasons": reasons} for line, reasons in rows]


def _shown(reason: str | None) -> dict[str, str] | None:
    """A reason as the ledger has it, in English; without the folders of this machine, and not without end."""
    if reason is None:
        return None
    text = reason.replace(f"{ROOT}{'/'}", "")
    text = text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]} ..."
    return {"de": text, "en": text}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(_BERLIN).isoformat(timespec="seconds")


def _as_text(content: dict) -> str:
    return f"{_german(content)}\n\n{'-' * 72}\n\n{_english(content)}\n"


def _german(c: dict) -> str:
    d = c["delivery"]
    lines = [f"QUITTUNG für {_one_line(c['file_name'])}", "", f"Stand: {_STATES[c['state']][0]}"]
    if c["title"]:
        lines.append(f"Quelle: {c['title']['de']} ({c['source']})")
    if d:
        again = " (dieselben Bytes lagen schon vor; nichts wurde doppelt geladen)" if d["is_repeat"] else ""
        lines.append(f"Lieferung Nummer {d['delivery_id']}, Zeitraum {d['period']}{again}")
        if d["records"] is not None:
            lines.append(f"{d['records']} Zeilen: {d['loaded']} geladen, {d['rejected']} zurückgewiesen")
        lines.append(f"SHA-256: {d['sha256']} ({d['byte_size']} Bytes)")
        if d["accepted_until"]:
            lines.append(f"Angenommen bis {d['accepted_until']}")
    lines += [f"Eingegangen: {c['received_at']}"] * bool(c["received_at"])
    lines += [f"Stand seit: {c['state_since']}"] * bool(c["state_since"])
    if c["reason"]:
        lines += ["", "Grund:", f"  {c['reason']['de']}"]
    if c["rejected_rows"]:
        lines += ["", "Zurückgewiesene Zeilen (Zeilennummer der Datei):"]
        for row in c["rejected_rows"]:
            said = "; ".join(
                f"{r['field']}: {_REASONS.get(r['code'], r['message'])}".removeprefix(": ") for r in row["reasons"]
            )
            lines.append(f"  Zeile {row['line']}: {said}")
        lines += [f"  und {left} weitere"] if (left := _left_out(c)) else []
    lines += ["", f"Was zu tun ist: {c['what_to_do']['de']}", c["kept"]["de"]]
    lines += [f"Fragen an: {c['contact']}"] * bool(c["contact"])
    if c["known_files"]:
        lines += ["", "Diese Dateien werden erwartet (Jahreszahlen und Schlüssel sind Beispiele):"]
        lines += [f"  {k['example']}: {k['title']['de']}; Fragen an: {k['contact']}" for k in c["known_files"]]
    return "\n".join([*lines, "", f"Geschrieben: {c['written_at']}"])


def _english(c: dict) -> str:
    d = c["delivery"]
    lines = [f"RECEIPT for {_one_line(c['file_name'])}", "", f"State: {_STATES[c['state']][1]}"]
    if c["title"]:
        lines.append(f"Source: {c['title']['en']} ({c['source']})")
    if d:
        again = " (the same bytes had come before; nothing was loaded twice)" if d["is_repeat"] else ""
        lines.append(f"Delivery number {d['delivery_id']}, period {d['period']}{again}")
        if d["records"] is not None:
            lines.append(f"{d['records']} records: {d['loaded']} loaded, {d['rejected']} rejected")
        lines.append(f"SHA-256: {d['sha256']} ({d['byte_size']} bytes)")
        if d["accepted_until"]:
            lines.append(f"Accepted until {d['accepted_until']}")
    lines += [f"Received: {c['received_at']}"] * bool(c["received_at"])
    lines += [f"In this state since: {c['state_since']}"] * bool(c["state_since"])
    if c["reason"]:
        lines += ["", "Reason:", f"  {c['reason']['en']}"]
    if c["rejected_rows"]:
        lines += ["", "Rejected rows (line numbers of the file):"]
        for row in c["rejected_rows"]:
            lines.append(f"  line {row['line']}: {'; '.join(r['message'] for r in row['reasons'])}")
        lines += [f"  and {left} more"] if (left := _left_out(c)) else []
    lines += ["", f"What to do: {c['what_to_do']['en']}", c["kept"]["en"]]
    lines += [f"Ask: {c['contact']}"] * bool(c["contact"])
    if c["known_files"]:
        lines += ["", "These files are expected (years and keys are examples):"]
        lines += [f"  {k['example']}: {k['title']['en']}; ask: {k['contact']}" for k in c["known_files"]]
    return "\n".join([*lines, "", f"Written: {c['written_at']}"])


def _left_out(content: dict) -> int:
    return max(0, (content["delivery"]["rejected"] or 0) - len(content["rejected_rows"]))


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)

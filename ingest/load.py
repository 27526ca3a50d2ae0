"""A delivery from the drop folder into raw: landed, read, checked and loaded in one transaction.

Data, rejected rows and the ledger's row commit together or not at all. The same bytes again are
a no-op while they are loaded, held or accepted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from ingest import contracts, landing, ledger, privacy, readers, values
from ingest.contracts import Contract, Field
from ingest.ledger import Delivery
from ingest.privacy import KeyChain
from ingest.readers import Refused
from lagebild import database
from lagebild.errors import UserError
from lagebild.settings import Settings
from lagebild.version import code_version

MASK = "***"


@dataclass(frozen=True)
class Parcel:
    """A file and what its name says: the period it is for and, for person-level files, the municipality."""

    contract: Contract
    file_name: str
    path: Path
    sha256: str
    period: str
    municipality: str | None

    @property
    def landing_path(self) -> str:
        return landing.path_of(self.contract.source, self.period, self.sha256, Path(self.file_name).suffix.lower())


@dataclass(frozen=True)
class Rejected:
    """A row that broke the contract: its line, every reason, and its fields with personal ones masked."""

    line: int
    reasons: list[dict[str, str]]
    fields: dict[str, str] | None


def drain(settings: Settings, source: str) -> list[Delivery]:
    """Load whatever lies in the drop folder of `source`, in the order of the file names.

    Returns the ledger's row of each file, also of those that were refused. A file leaves the drop
    folder once the ledger knows it. UserError (such as a missing key) leaves the file where it is.
    """
    contract = contracts.load(source)
    results = []
    for file in ledger.waiting_files(settings, source):
        try:
            results.append(load_file(settings, contract, file))
        except FileNotFoundError:
            if file.exists():
                raise
            continue  # another run took the same file meanwhile
        file.unlink(missing_ok=True)
    return results


def load_file(settings: Settings, contract: Contract, file: Path) -> Delivery:
    """Land and load one file; the returned row says whether it was loaded, refused, or known already."""
    parcel = _parcel(contract, file)
    landed = landing.land(settings, file, parcel.landing_path)
    return _load(settings, parcel, landed)


def reload(settings: Settings, delivery_id: int) -> Delivery:
    """Process landed bytes again, after a contract or code fix, as a new numbered attempt."""
    with database.connect(settings, database.LOADER) as connection:
        old = ledger.get(connection, delivery_id, lock=True)
        if old.state not in ("refused", "withdrawn", "held"):
            raise UserError(
                f"{old}: only refused, withdrawn or held deliveries are loaded again",
                remedy=f"lagebild withdraw {delivery_id} --reason ... first",
            )
        landing.require(settings, old)
        if old.state == "held":
            ledger.move(connection, old, "refused", "loaded again as a new attempt")
    contract = contracts.load(old.source)
    landed = settings.landing / old.landing_path
    return _load(settings, _parcel(contract, landed, old.file_name), landed)


def _parcel(contract: Contract, file: Path, file_name: str | None = None) -> Parcel:
    file_name = file_name or file.name
    match = contract.file_name.fullmatch(file_name)
    groups = match.groupdict() if match else {}
    return Parcel(contract, file_name, file, landing.sha256(file), groups.get("period") or "unknown", groups.get("ags"))


def _load(settings: Settings, parcel: Parcel, landed: Path) -> Delivery:
    contract = parcel.contract
    # Read before the transaction: a missing key or an unreadable file must not leave one open.
    key = _key(settings, parcel)
    try:
        if parcel.period == "unknown":
            raise Refused(
                f"the file name does not match {contract.file_name.pattern}",
                f"rename the file, or change {contract.path}:{contract.line_of('file_name')}",
            )
        with database.connect(settings, database.LOADER) as connection:
            ledger.lock_period(connection, contract.source, parcel.period)
            privacy.hold_key(connection, key)
            if known := ledger.in_force(connection, contract.source, parcel.period, parcel.sha256):
                return known
            records = readers.read(contract, landed.read_bytes())
            delivery_id = _register(connection, parcel, "loaded")
            _fill(connection, parcel, delivery_id, records, key)
            ledger.record(connection, delivery_id, "loaded", None)
            return ledger.get(connection, delivery_id)
    except Refused as refusal:
        return _refuse(settings, parcel, refusal)


def _key(settings: Settings, parcel: Parcel) -> KeyChain | None:
    purpose = parcel.contract.pseudonym_purpose
    if purpose is None or parcel.period == "unknown":
        return None
    if parcel.municipality is None:
        raise UserError(
            f"{parcel.file_name}: the name holds no municipality, so no pseudonym key can be chosen",
            remedy=f"name a group (?P<ags>...) in {parcel.contract.path}",
        )
    return privacy.load_key(settings, parcel.municipality, purpose)


def _register(connection: Connection, parcel: Parcel, state: str, reason: str | None = None) -> int:
    """Write the ledger's row of a new attempt; return its id."""
    (delivery_id,) = connection.execute(
        "insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
        " contract_version, code_version, state, reason)"
        " select %(source)s, %(period)s, %(sha256)s, 1 + coalesce(max(attempt), 0), %(file_name)s, %(byte_size)s,"
        " %(landing_path)s, %(contract_version)s, %(code_version)s, %(state)s, %(reason)s"
        " from raw.delivery where source = %(source)s and period = %(period)s and sha256 = %(sha256)s"
        " returning delivery_id",
        {
            "source": parcel.contract.source,
            "period": parcel.period,
            "sha256": parcel.sha256,
            "file_name": parcel.file_name,
            "byte_size": parcel.path.stat().st_size,
            "landing_path": parcel.landing_path,
            "contract_version": parcel.contract.version,
            "code_version": code_version(),
            "state": state,
            "reason": reason,
        },
    ).fetchone()
    return delivery_id


def _refuse(settings: Settings, parcel: Parcel, refusal: Refused) -> Delivery:
    reason = f"{parcel.file_name}: {refusal} - {refusal.remedy}"
    with database.connect(settings, database.LOADER) as connection:
        ledger.lock_period(connection, parcel.contract.source, parcel.period)  # two refusals at once count apart
        delivery_id = _register(connection, parcel, "refused", reason)
        ledger.record(connection, delivery_id, "refused", reason)
        return ledger.get(connection, delivery_id)


def _fill(
    connection: Connection, parcel: Parcel, delivery_id: int, records: readers.Records, key: KeyChain | None
) -> None:
    """Copy the good rows, keep the bad ones with their reasons, and check that none was lost."""
    contract = parcel.contract
    columns = ["delivery_id", "line_number", *(name for name, _ in contract.columns)]
    copy = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier("raw", contract.table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    check = RowCheck(contract, records.header, key)
    loaded, rejects = 0, []
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        for line, fields in records.rows:
            row = check(line, fields)
            if isinstance(row, Rejected):
                rejects.append(row)
            else:
                rows.write_row((delivery_id, line, *row))
                loaded += 1
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.rejected_row (delivery_id, line_number, reasons, fields) values (%s, %s, %s, %s)",
            [
                (delivery_id, row.line, Jsonb(row.reasons), None if row.fields is None else Jsonb(row.fields))
                for row in rejects
            ],
        )
    if records.count != loaded + len(rejects):
        raise UserError(
            f"{parcel.file_name}: {records.count} records in the file, but {loaded} loaded and {len(rejects)} rejected",
            remedy="nothing was loaded; the reader lost rows: report this as a defect, with the file's layout",
        )
    connection.execute(
        "update raw.delivery set records = %s, loaded = %s, rejected = %s where delivery_id = %s",
        [records.count, loaded, len(rejects), delivery_id],
    )


class RowCheck:
    """Turns a record's text fields into a row of the raw table, or into a rejected row with every reason."""

    def __init__(self, contract: Contract, header: list[str], key: KeyChain | None):
        self.contract = contract
        self.key = key
        # A real export may lack the optional columns: their fields take the contract's default.
        self.fields = [f for f in contract.fields if f.title in header or not f.optional]
        self.defaults = [f for f in contract.fields if f not in self.fields]

    def __call__(self, line: int, texts: list[str]) -> list[Any] | Rejected:
        if len(texts) != len(self.fields):
            message = f"{len(texts)} fields instead of {len(self.fields)}"
            # No column can be trusted then, so no text of a person-level row is kept.
            shown = None if self.contract.has_personal_fields else {"record": self.contract.delimiter.join(texts)}
            return Rejected(line, [_reason("field_count", "", message)], shown)
        row, reasons, evidence = [], [], self.contract.evidence
        for field, text in zip(self.fields, texts, strict=True):
            try:
                value = self._values(field, text)
            except values.BadValue as bad:
                reasons.append(_reason(bad.code, field.title, f"{field.title} {bad.message}"))
                continue
            if field.name == "evidence":
                (evidence,) = value
            else:
                row.extend(value)
        for field in self.defaults:
            if field.name == "evidence":
                evidence = field.default
            else:
                row.append(field.default)
        if reasons:
            return Rejected(line, reasons, self._masked(texts))
        return [*row, evidence]

    def _values(self, field: Field, text: str) -> list[Any]:
        """The raw columns of one field: none when dropped, two when official signs are kept apart."""
        text = text.strip()
        if field.privacy == "drop":
            return []
        if field.signs:
            if text in values.SIGNS:
                return [None, text]
            return [values.parse(field, text, self.contract.missing_values), None]
        value = values.parse(field, text, self.contract.missing_values)
        if value is None:
            return [None]
        if field.privacy == "pseudonym":
            return [privacy.pseudonym(self.key, str(value))]
        if field.privacy == "year":
            return [value.year]
        return [value]

    def _masked(self, texts: list[str]) -> dict[str, str]:
        return {
            field.title: MASK if field.is_personal else text for field, text in zip(self.fields, texts, strict=True)
        }


def _reason(code: str, field: str, message: str) -> dict[str, str]:
    return {"code": code, "field": field, "message": message}

"""Land an arrived file under its SHA-256, then load it.

Importing this is cheap: the loader's compiled loops, which take a second, are loaded while a large file lands; for a
small file after its name and header were checked.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from psycopg import Connection

from ingest.contracts import Contract, own_layouts
from ingest.deliveries import landing
from ingest.deliveries.delivery_ledger import Delivery
from lagebild.core import disk
from lagebild.core.settings import Settings

LANDS_AT_ONCE = 4 << 20
"""Size of a file that lands faster than the loops are loaded."""
ROOM, PACKED, PACKED_ROOM = 4, (".zip", ".xlsx"), 40
"""Bytes that a load writes into the database and its log, for each byte of a file: 3.0 were measured for a register of
11 MB. Packed text is about a tenth of what it was.
"""


@dataclass(frozen=True)
class Parcel:
    """A landed file and what its name says: the period it is for and, for person-level files, the municipality."""

    contract: Contract
    """The one in force for it."""
    file_name: str
    path: Path
    """Where it landed."""
    sha256: str

    @property
    def period(self) -> str:
        return self.contract.period_of(self.file_name) or "unknown"

    @property
    def municipality(self) -> str | None:
        return self.contract.municipality_of(self.file_name)

    @property
    def landing_path(self) -> str:
        return landing.path_of(self.contract.source, self.period, self.sha256, Path(self.file_name).suffix.lower())


def parcel_of(config: Path, contract: Contract, name: str, landed: Path, sha256: str) -> Parcel:
    """A landed file with the contract that is in force for it."""
    return Parcel(own_layouts.for_file(config, contract, name), name, landed, sha256)


def agreed_name(contract: Contract, file: Path) -> str:
    """The file's name; for a download from GENESIS the agreed name, with years read from the file."""
    if contract.match(file.name) or not contract.fits(file.name):
        return file.name
    from ingest.reading.formats import genesis  # it reads, which takes a second to import

    return genesis.agreed_name(contract, file.name, file.read_bytes()) or file.name


def load_file(
    connection: Connection,
    settings: Settings,
    contract: Contract,
    file: Path,
    expected: str | None = None,
    progress: Callable[[int], None] | None = None,
    name: str | None = None,
) -> Delivery:
    """Land and load one file; the returned row says whether it was loaded, refused, or known already.

    `connection` is the loader's, and commits each statement; data, rejected rows and ledger are one transaction in it.
    `name` is the one that it is loaded under, if it is not its own. `expected` is the SHA-256 that its sender says
    it has; `progress` is told the number of bytes of each part read.
    """
    name = name or agreed_name(own_layouts.in_force(settings.config, contract, None, None), file)
    period = contract.period_of(name)
    size = file.stat().st_size
    what = f"the load of {name} ({size / 1e6:.1f} MB)"
    written = size * (PACKED_ROOM if file.suffix.lower() in PACKED else ROOM)
    disk.require(settings, what, {disk.LANDING: size, disk.DATABASE: written})
    with disk.noticing_full(settings, what), ThreadPoolExecutor(1) as beside:
        if period and size > LANDS_AT_ONCE:
            beside.submit(import_module, "ingest.reading.kernels")
        loader = beside.submit(import_module, "ingest.loading.load")
        sha256, landed = landing.land(settings.landing, file, contract.source, period or "unknown", Path(name).suffix)
    parcel = parcel_of(settings.config, contract, name, landed, sha256)
    return loader.result().load(connection, settings, parcel, expected, progress)

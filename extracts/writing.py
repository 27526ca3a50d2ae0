"""Write the files of a package into a folder, one after the other, so that none is held whole in memory.

What describes others comes after them: they are known by size and SHA-256 then. The last is the list of all checksums.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from extracts.contents import Contents
from extracts.dcat import dcat_bytes
from extracts.descriptor import descriptor_bytes
from extracts.listing import CATALOGUE, CODES, DESCRIPTOR, Written
from extracts.package import DATA
from extracts.readme import readme_bytes
from extracts.reports import quality_report_pdf, report_pdf
from extracts.signing import CHECKSUMS
from extracts.tables import codes_bytes, csv_blocks
from extracts.workbook import xlsx_bytes

__all__ = ["Written", "write_data", "write_package"]


def write_package(contents: Contents, folder: Path) -> dict[str, Written]:
    """Write every file of the package but its signature into a folder that exists and is empty; return them by name.

    The connection that the contents were read by must be open still: marts that are not held are read from it. The same
    contents give the same bytes.

    UserError where a figure, a text or the publisher's contact cannot be written as what it is.
    """
    say, package = contents.texts.say, _Folder(folder)
    package.files |= write_data(contents, folder)
    package.put(CODES, [codes_bytes(contents)])
    package.put(say("file.workbook"), [xlsx_bytes(contents)])
    csvs = {name: folder / name for name in package.files if name.endswith(".csv")}
    package.put(say("file.report"), [report_pdf(contents, csvs)])
    package.put(say("file.quality_report"), [quality_report_pdf(contents)])
    package.put(CATALOGUE, [dcat_bytes(contents, package.files)])
    package.put(say("file.readme"), [readme_bytes(contents, package.files)])
    package.put(DESCRIPTOR, [descriptor_bytes(contents, package.files)])
    sums = "".join(f"{written.sha256}  {name}\n" for name, written in sorted(package.files.items()))
    package.put(CHECKSUMS, [sums.encode()])
    return package.files


def write_data(contents: Contents, folder: Path) -> dict[str, Written]:
    """The marts' own files alone: a CSV each, and of one that is not held Parquet."""
    package = _Folder(folder)
    (folder / DATA).mkdir()
    for mart in contents.marts:
        package.put(f"{DATA}{mart.entry.name}.csv", csv_blocks(mart, contents.about.revised, contents.texts))
        if mart.is_sample:
            from extracts.parquet import write_parquet  # late: pyarrow takes 50 MB, and few packages need it

            name = f"{DATA}{mart.entry.name}.parquet"
            write_parquet(contents, mart, folder / name)
            package.take(name)
    return package.files


class _Folder:
    """The folder of a package, and what was written into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, Written] = {}

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a file from its parts."""
        size, digest = 0, hashlib.sha256()
        with open(self.path / name, "xb") as file:
            for part in parts:
                size += file.write(part)
                digest.update(part)
        self.files[name] = Written(size, digest.hexdigest())

    def take(self, name: str) -> None:
        """Count in a file that was written there by others."""
        with open(self.path / name, "rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            self.files[name] = Written(file.tell(), digest.hexdigest())

"""The files of a package, in the order in which they are named, each with what it is: one list for all writers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from extracts.contents import Contents
from extracts.marts import Mart
from extracts.package import DATA
from extracts.texts import Texts

CODES = f"{DATA}codes.csv"
CATALOGUE = "dcat-ap-de.ttl"
DESCRIPTOR = "datapackage.json"


@dataclass(frozen=True)
class Form:
    """A file format: its name in a Data Package, its media type at IANA, its code in the EU's list of file types."""

    name: str
    media_type: str
    file_type: str


FORMS = {
    "csv": Form("csv", "text/csv", "CSV"),
    # Two in capitals, because frictionless takes a resource of format "xlsx" or "parquet" for a table, whatever is said
    # of it: it wants a workbook to be one, and finds an error in every whole number that a Parquet file lacks.
    "parquet": Form("PARQUET", "application/vnd.apache.parquet", "PARQUET"),
    "xlsx": Form("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "XLSX"),
    "pdf": Form("pdf", "application/pdf", "PDF"),
    "ttl": Form("ttl", "text/turtle", "RDF_TURTLE"),
    "txt": Form("txt", "text/plain", "TXT"),
    "json": Form("json", "application/json", "JSON"),
}


@dataclass(frozen=True)
class Written:
    """A file as it was written: its size in bytes, and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Listed:
    """A file of a package."""

    name: str
    """With its folder."""
    title: str
    """In the language of the recipient."""
    form: Form
    mart: Mart | None
    """The mart whose rows the file holds."""

    @property
    def is_csv(self) -> bool:
        """Whether it is a table as text."""
        return self.form.name == "csv"

    @property
    def key(self) -> str:
        """A name of lower-case letters, digits, `_`, `-` and `.`: the mart's of its CSV, else the file's own."""
        is_own = self.mart is None or not self.is_csv
        return self.name.removeprefix(DATA).lower() if is_own else self.mart.entry.name


def listed(contents: Contents, names: Iterable[str]) -> list[Listed]:
    """The files with these names: those for people, data in the order of the package, what describes it, the rest."""
    wanted = set(names)
    known = {name: Listed(name, title, _form(name), mart) for name, title, mart in _known(contents)}
    found = [one for name, one in known.items() if name in wanted]
    return found + [Listed(name, name, _form(name), None) for name in sorted(wanted - known.keys())]


def counts(mart: Mart, texts: Texts) -> dict[str, str]:
    """How many `rows` a mart's CSV has, of `all`: as sentences say it."""
    return {"rows": texts.number(len(mart.rows), 0), "all": texts.number(mart.row_count, 0)}


def _known(contents: Contents) -> Iterator[tuple[str, str, Mart | None]]:
    """Name, title and mart of each file that a package can have."""
    texts = contents.texts
    for part in ("workbook", "report", "quality_report"):
        yield texts.say(f"file.{part}"), texts.say(f"listing.{part}"), None
    for mart in contents.marts:
        name, title = mart.entry.name, mart.entry.title[texts.language]
        told = {"title": title, **counts(mart, texts)}
        yield f"{DATA}{name}.csv", texts.say("listing.sample", **told) if mart.is_sample else title, mart
        yield f"{DATA}{name}.parquet", texts.say("listing.whole", **told), mart
    yield CODES, texts.say("listing.codes"), None
    yield CATALOGUE, texts.say("listing.catalogue"), None
    yield texts.say("file.readme"), texts.say("listing.readme"), None
    yield DESCRIPTOR, texts.say("listing.descriptor"), None


def _form(name: str) -> Form:
    suffix = name.rpartition(".")[2]
    return FORMS.get(suffix, Form(suffix, "application/octet-stream", "BIN"))

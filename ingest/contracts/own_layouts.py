"""How a city's own files differ from a source's contract: `<config>/contracts/<source>.yml`.

An entry says for a municipality, and for all its periods or some, in which encoding and dialect the files come, which
titles and order the columns have, how days, numbers and code words are written. It is laid over the contract's
descriptor, and what comes of it is held against the rules of every contract, so that no rule stands twice. It cannot
say what the contract says of persons: which columns identify them, what is dropped, which key makes pseudonyms.
`in_force` is the one answer to "how is this file read", for whoever reads bytes.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from psycopg import Connection

from ingest.contracts import check, form, model, own_fields, reader
from ingest.contracts import entries as contracts_entries
from ingest.contracts import quality as rules
from ingest.contracts.check import Finding
from ingest.contracts.form import Place
from ingest.contracts.messages import Message
from ingest.contracts.model import Change, Contract, Own, normal_title
from ingest.contracts.own_fields import FIELDS
from lagebild.core import ags, yaml_files
from lagebild.core.errors import UserError

FOLDER = "contracts"
LAYOUTS, QUALITY = "layouts", "quality"
_OF_EXPORT = (
    "like", "beside", "delimiters", "named", "parts", "trailing_minus", "required", "optional", "totals", "german",
)  # fmt: skip
"""Entries about another program's list, as a contract has them of a layout beside others."""
_OF_COLUMNS = ("headers", "formats", "without", "order", *_OF_EXPORT)
"""Entries with which it is a layout of its own; without them those of the contract stay as they are."""
_MERGED = ("headers", "formats", "named", "parts", "optional")
"""Mappings of which an entry says only what is otherwise than in the layout that it is like."""
_LOOKED_FOR = ("delimiter", "headerRows", "headerJoin", "lineTerminator")
"""What is found in each list of another program, whatever a dialect says."""


@dataclass(frozen=True)
class OwnLayout:
    """An entry of a city's file, and the contract with it laid over."""

    contract: Contract
    change: Change
    """Its name and periods, and what it says of columns."""
    entry: dict[str, Any]

    @property
    def municipality(self) -> str | None:
        return self.contract.own.municipality

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.contract.own.path}:{self.contract.own.line}"

    @property
    def example(self) -> str:
        """The name of a file that is read so, as far as its municipality goes; the period is the example's."""
        return _example_of(self.contract, self.municipality)

    @property
    def said(self) -> str:
        """For whom and when it holds, and which of its entries say what is different."""
        first, last = self.change.first, self.change.last
        when = f"{first or ''} to {last or ''}".strip() if first or last else "all periods"
        told = ", ".join(
            key for key in _entries() if key in self.entry and key not in ("name", "municipality", "from", "to")
        )
        return f"{self.contract.source} {self.municipality or 'all files'}, {when}: {told}"

    def holds_in(self, municipality: str | None, period: str | None) -> bool:
        """Whether files of the municipality and period are read so; without a period, whether all are."""
        if self.municipality not in (None, municipality):
            return False
        if period is None:
            return self.change.first is None and self.change.last is None
        return model.holds_in(self.change, period)


def in_force(config: Path, contract: Contract, municipality: str | None, period: str | None) -> Contract:
    """The contract by which a file of this municipality and period is read: the source's, or with a city's entry.

    Both are what the file's name says, None if it says none. UserError if the city's file is wrong.
    """
    path = path_of(config, contract.source)
    known = sorted(
        _of(contract, path), key=lambda one: one.municipality is None
    )  # what is said of one city comes first
    own = next((one for one in known if one.holds_in(municipality, period)), None)
    found = own.contract if own else replace(contract, own=Own(path, municipality))
    return own_fields.switched(found, _switches(path), municipality)


def for_file(config: Path, contract: Contract, name: str) -> Contract:
    """The same by the name of a file."""
    return in_force(config, contract, contract.municipality_of(name), contract.period_of(name))


def as_written(contract: Contract, name: str) -> Contract:
    """A contract in force with its columns as a file of this name has them, for the page that a supplier is sent."""
    layout = contract.layouts_in(contract.period_of(name))[0]
    own = replace(contract, fields=layout.fields, changes=(), example=contract.name_for(contract.period_of(name)))
    if layout.beside is None:
        return own
    told = [contract.german.get("description"), next(one.german for one in contract.changes if one.beside)]
    german = {**contract.german, "description": " ".join(filter(None, told))}
    return replace(own, delimiter=layout.beside.delimiters[0], german=german)


def path_of(config: Path, source: str) -> Path:
    """Where a city says how its files of a source differ."""
    return config / FOLDER / f"{source}.yml"


def every(config: Path, source: str | None = None) -> list[OwnLayout]:
    """Every entry of a city, or those of a source, by file and line; UserError lists everything that is wrong."""
    if wrong := findings(config, source):
        raise _faulty(wrong)
    paths = [path for path in _files(config) if source in (None, path.stem)]
    return [one for path in paths for one in _of(reader.load(path.stem), path)]


def findings(config: Path, source: str | None = None) -> list[Finding]:
    """Everything that is wrong with a city's files, or with that of a source, by file and line."""
    found = []
    for path in _files(config):
        if source not in (None, path.stem):
            continue
        if path.suffix != ".yml" or path.stem not in reader.sources():
            meant = check.meant(path.name, [f"{known}.yml" for known in reader.sources()])
            found.append(Finding(path, 1, f"no source has a file of this name, such as register.yml{meant}"))
        else:
            found += _findings(reader.load(path.stem), path)
    return found


def unmatched(connection: Connection, own: list[OwnLayout]) -> list[Finding]:
    """Entries of sources that have deliveries of which none is of their municipality and periods."""
    delivered = defaultdict(list)
    for source, name in connection.execute("select source, file_name from raw.delivery"):
        delivered[source].append(name)
    found = []
    for one in own:
        contract = one.contract
        names = [name for name in delivered[contract.source] if contract.period_of(name)]
        if names and not any(one.holds_in(contract.municipality_of(n), contract.period_of(n)) for n in names):
            there = sorted({contract.municipality_of(name) or contract.period_of(name) for name in names})
            found.append(
                Finding(
                    contract.own.path,
                    contract.own.line,
                    f"layout {one.change.name}: no delivery of {contract.source} is read so; there are those of"
                    f" {', '.join(there[:12])}",
                )
            )
    return found


def quality(config: Path, contract: Contract) -> list[rules.Rule]:
    """What a city expects of columns of a source, beside the contract; UserError lists what is wrong with its file."""
    path = path_of(config, contract.source)
    if not path.is_file():
        return []
    if wrong := _findings(contract, path):
        raise _faulty(wrong)
    return list(map(rules.read, check.parsed(path.read_bytes())[1].get(QUALITY, [])))


def told_quality(config: Path) -> list[tuple[Path, int, str, rules.Rule]]:
    """Each rule of a city's files with its file, line and source."""
    found = []
    for path in _files(config):
        if path.stem in reader.sources():
            lines, _ = check.parsed(path.read_bytes())
            for number, rule in enumerate(quality(config, reader.load(path.stem))):
                found.append((path, check.line_of(lines, (QUALITY, number)), path.stem, rule))
    return found


def told_fields(config: Path) -> list[tuple[Path, int, str, dict[str, Any]]]:
    """Each field that a city's files switch on, with its file, line and source; UserError lists what is wrong."""
    if wrong := findings(config):
        raise _faulty(wrong)
    found = []
    for path in _files(config):
        lines, _ = check.parsed(path.read_bytes())
        for number, entry in enumerate(_switches(path)):
            found.append((path, check.line_of(lines, (FIELDS, number)), path.stem, entry))
    return found


def digests(config: Path) -> list[str]:
    """What every entry says, as text: a part of the code version of a build."""
    told = [(one.contract.source, one.entry) for one in every(config)]
    told += [(source, entry) for _, _, source, entry in told_fields(config)]
    return [json.dumps(entry, sort_keys=True, default=str, ensure_ascii=False) for entry in told]


def _files(config: Path) -> list[Path]:
    folder = config / FOLDER
    return sorted(path for path in folder.glob("*") if not path.name.startswith(".")) if folder.is_dir() else []


def _of(contract: Contract, path: Path) -> list[OwnLayout]:
    """The entries of a city's file for a source, none if there is no file; UserError lists what is wrong."""
    if not path.is_file():
        return []
    if wrong := _findings(contract, path):
        raise _faulty(wrong)
    lines, told = check.parsed(path.read_bytes())
    return [
        _laid_over(contract, entry, path, check.line_of(lines, (LAYOUTS, n)))
        for n, entry in enumerate(told.get(LAYOUTS, []))
    ]


def _switches(path: Path) -> list[dict[str, Any]]:
    """What a city's file without findings switches on."""
    return check.parsed(path.read_bytes())[1].get(FIELDS, []) if path.is_file() else []


def _faulty(wrong: list[Finding]) -> UserError:
    return UserError(Message("own_files_wrong", findings="\n".join(map(str, wrong))), remedy=Message("mend_own_files"))


def _laid_over(contract: Contract, entry: dict[str, Any], path: Path, line: int) -> OwnLayout:
    """The contract as an entry without findings changes it."""
    text = contract.path.read_bytes()
    made = reader.build(contract.path, text, _descriptor(contract, entry))
    change, own = _change(contract, entry), Own(path, entry.get("municipality"), str(entry["name"]), line)
    if any(key in entry for key in _OF_COLUMNS):
        changes = (replace(change, first=None, last=None),)
    else:
        changes = tuple(replace(other, name=f"{own.layout} ({other.name})") for other in made.changes)
    said = json.dumps(entry, sort_keys=True, default=str)
    version = hashlib.sha256(f"{contract.version} {said}".encode()).hexdigest()[:12]
    # In the contract's order, so that rows of both are held against each other; reasons name the city's titles.
    fields = tuple(
        replace(f, title=change.headers.get(f.name, f.title), format=change.formats.get(f.name, f.format))
        for f in made.fields
    )
    return OwnLayout(replace(made, version=version, fields=fields, changes=changes, own=own), change, entry)


def _change(contract: Contract, entry: dict[str, Any]) -> Change:
    """What an entry says of columns, and of another program's list, with what the layout says that it is like."""
    agreed = _liked(contract, entry)
    made = agreed | {key: entry[key] for key in ("name", "from", "to", *_OF_COLUMNS) if key in entry}
    for key in _MERGED:
        if isinstance(agreed.get(key), dict):
            merged = agreed[key] | made[key]
            made[key] = {n: said for n, said in merged.items() if said is not None or key == "optional"}
    if "footer" in entry and made.get("beside"):
        made["footer"] = entry["footer"]
    made.pop("like", None)
    return contracts_entries.change(made, may_be_open=True)


def _liked(contract: Contract, entry: dict[str, Any]) -> dict[str, Any]:
    """The layout of the contract that an entry says it is like, without its name and time; empty if it says none."""
    layouts = _agreed_layouts(contract)
    found = next((one for one in layouts if str(one["name"]) == entry.get("like")), {})
    return {key: said for key, said in found.items() if key not in ("name", "from", "to")}


def _agreed_layouts(contract: Contract) -> list[dict[str, Any]]:
    return yaml_files.parsed(contract.path.read_bytes())["lagebild"].get("layouts", [])


def _is_export(contract: Contract, entry: dict[str, Any]) -> bool:
    """Whether an entry is of another program's list."""
    return bool(entry.get("beside", _liked(contract, entry).get("beside", False)))


def _descriptor(contract: Contract, entry: dict[str, Any]) -> dict[str, Any]:
    """The contract's descriptor with an entry laid over; what the entry says of columns is left to its `Change`."""
    made = deepcopy(yaml_files.parsed(contract.path.read_bytes()))
    (resource,), own = made["resources"], made["lagebild"]
    if "encoding" in entry:
        resource["encoding"] = entry["encoding"]
    resource["dialect"] = resource.get("dialect", {}) | entry.get("dialect", {})
    if "footer" in entry and not _is_export(contract, entry):
        own["footer"] = entry["footer"]
    for field in resource["schema"]["fields"]:
        if "numbers" in entry and field["type"] in ("integer", "number"):
            numbers = dict(entry["numbers"])
            if "trailing_minus" in numbers:
                field.setdefault("lagebild", {})["trailing_minus"] = numbers.pop("trailing_minus")
            field |= numbers
        if field["name"] in entry.get("map", {}):
            field["lagebild"]["map"] = entry["map"][field["name"]]
    return made


def _entries() -> dict[str, dict[str, Any]]:
    """What the schema says of each entry of a layout."""
    return form.schema("own_layouts")["properties"][LAYOUTS]["items"]["properties"]


# --- what is wrong ----------------------------------------------------------------------------------------------------


def _findings(contract: Contract, path: Path) -> list[Finding]:
    lines_of, told, found = check.opened(path, path.read_bytes())
    if told is None:
        return found
    lists = told.values() if isinstance(told, dict) and not set(told) - {LAYOUTS, QUALITY, FIELDS} else ()
    if not lists or not all(isinstance(entries, list) for entries in lists):
        known = f"a list {LAYOUTS}:, a list {QUALITY}:, a list {FIELDS}:"
        return [*found, Finding(path, 1, f"is no mapping with {known}, and nothing else")]
    switches = told.get(FIELDS, [])
    misplaced = list(own_fields.findings(contract, switches))
    found += [Finding(path, check.line_of(lines_of, (FIELDS, *rest)), message) for rest, message in misplaced]
    agreed = contract
    fields, taken = {field.name: field for field in contract.fields}, tuple(rule.name for rule in contract.quality)
    for rest, message in rules.findings(told.get(QUALITY, []), fields, taken):
        found.append(Finding(path, check.line_of(lines_of, (QUALITY, *rest)), message))
    misshapen = defaultdict(list)
    for one in form.findings("own_layouts", {LAYOUTS: told.get(LAYOUTS, [])}):
        misshapen[one.place[1]].append((one.place[2:], one.message))
    before: list[tuple[Change, str | None, int]] = []
    for number, entry in enumerate(told.get(LAYOUTS, [])):
        place: Place = (LAYOUTS, number)
        line = check.line_of(lines_of, place)
        if isinstance(entry, dict) and not misplaced:
            contract = own_fields.switched(agreed, switches, entry.get("municipality"))
        wrong = misshapen[number] or list(_sense(contract, entry)) or list(_without_effect(contract, entry))
        name = entry.get("name", "an entry") if isinstance(entry, dict) else "an entry"
        said = [(rest, said if said.startswith("layout ") else f"layout {name}: {said}") for rest, said in wrong]
        found += [Finding(path, check.line_of(lines_of, place + rest), message) for rest, message in said]
        if wrong:
            continue
        change, municipality = _change(contract, entry), entry.get("municipality")
        for other, whose, there in before:
            if other.name == change.name:
                found.append(Finding(path, line, f"layout {name}: line {there} has the same name"))
            elif whose == municipality and check.overlap(other, change):
                found.append(Finding(path, line, f"layout {name}: layout {other.name} in line {there} holds then, too"))
        before.append((change, municipality, line))
    return sorted(set(found), key=lambda finding: (finding.line, finding.message))


def _sense(contract: Contract, entry: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """What cannot be meant by an entry of the right shape, each with its place in it."""
    yield from _matches_something(contract, entry)
    if "like" in entry and not _liked(contract, entry):
        known = [str(one["name"]) for one in _agreed_layouts(contract)]
        there = f"{', '.join(known) or 'it has none'}{check.meant(entry['like'], known)}"
        yield ("like",), f"{entry['like']!r} is no layout of {contract.path}: {there}"
        return
    try:
        change = _change(contract, entry)
    except (ValueError, TypeError, AttributeError) as error:
        beside = [str(one["name"]) for one in _agreed_layouts(contract) if one.get("beside")]
        hint = f", or to one that is like the contract's (like: {beside[0]})" if beside else ""
        yield _key_named(str(error)), str(error) + hint * ("(beside: true)" in str(error))
        return
    if any(change.name == other.name for other in contract.changes):
        yield ("name",), f"{contract.path} has a layout of this name"
    named = list(check.layout_sense(change, contract.agreed_fields)) + list(_words(contract, entry))
    yield from named
    if named:
        return
    dates = {field.name for field in contract.fields if field.type == "date"}
    for name in sorted(set(change.formats) - dates):
        yield ("formats", name), f"{name} is no date, and a format has no effect"
    yield from _of_persons(contract, change)
    for key in ("without", "optional"):
        yield from _held_instead(contract, key, getattr(change, key))
    own = yaml_files.parsed(contract.path.read_bytes())["lagebild"]
    yield from (((), message) for message in check.beside_sense(change, contract.fields, own))
    for name in _LOOKED_FOR if change.beside else ():
        if name in entry.get("dialect", {}):
            yield ("dialect", name), f"{name} has no effect: it is found in the list (delimiters says which there are)"
    base = yaml_files.parsed(contract.path.read_bytes())
    made = _descriptor(contract, entry)
    made["lagebild"].pop("layouts", None)  # judged with the contract itself
    known = set(check.faults(contract.path, base))
    for place, message in check.faults(contract.path, made):
        if (place, message) not in known:
            yield _place_in_entry(place), message


def _key_named(message: str) -> Place:
    """The key of an entry that a sentence about it begins with, behind the layout's name."""
    key = message.partition(": ")[2].partition(" ")[0].rstrip(":")
    return (key,) if key in _entries() else ()


def _held_instead(contract: Contract, key: str, held: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Whether what raw holds where a column is lacking could stand in it."""
    # A column that may be lacking counts as delivered; a file of made-up rows says so in each of them.
    if held.get("evidence", "delivered") != "delivered":
        yield (key, "evidence"), "what a city delivers is `delivered`, and nothing else"
    types = {"integer": int, "year": int, "number": (int, float), "date": date, "boolean": bool, "string": str}
    for field in contract.fields:
        value = held.get(field.name)
        words = sorted(set((field.mapping or {}).values()) or field.enum or ())
        if value is None or field.name == "evidence":
            continue
        if not isinstance(value, types[field.type]) or (isinstance(value, bool) and field.type != "boolean"):
            yield (key, field.name), f"{field.name}: {value!r} is no {field.type}, which raw holds of it"
        elif words and value not in words:
            meant = check.meant(str(value), words)
            yield (key, field.name), f"{field.name}: {value!r} is none of {', '.join(words)}{meant}"
        elif field.pattern and not field.pattern.fullmatch(value):
            yield (key, field.name), f"{field.name}: {value!r} does not match {field.pattern.pattern}"


def _place_in_entry(place: Place) -> Place:
    """Where in an entry that stands which a place of the descriptor was made of."""
    if place[:2] == ("resources", 0) and place[2:3] in (("encoding",), ("dialect",)):
        return place[2:]
    if place[:2] == ("lagebild", "footer"):
        return ("footer",)
    return ("numbers", place[-1]) if place[-1:] and place[-1] in _entries()["numbers"]["properties"] else ()


def _matches_something(contract: Contract, entry: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Whether a file of the source can be meant at all."""
    has_municipality = "ags" in contract.file_name.groupindex
    municipality = entry.get("municipality")
    if municipality is None and has_municipality and contract.municipality_of(contract.example):
        yield (), "it has no municipality"
    elif municipality is not None and not has_municipality:
        yield ("municipality",), f"names of files of {contract.source} say none, so that it matches nothing: remove it"
    elif municipality is not None and (problem := ags.problem(municipality)):
        yield ("municipality",), f"{problem}: {ags.remedy(municipality)}"
    elif municipality is not None:
        name = _example_of(contract, municipality)
        if contract.municipality_of(name) != municipality:
            yield ("municipality",), f"a file {name} would be none of {contract.source}: it matches nothing"


def _example_of(contract: Contract, municipality: str | None) -> str:
    """The name of a file of a municipality, for the example's period."""
    name = contract.example
    if municipality is None:
        return name
    match = contract.file_name.fullmatch(name)
    if match["ags"] is None:  # lists of the house have none in their names, those of a city do
        return f"{name[: match.start('period')]}{municipality}_{name[match.start('period') :]}"
    return f"{name[: match.start('ags')]}{municipality}{name[match.end('ags') :]}"


def _words(contract: Contract, entry: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Whether code words are given to fields that have some, and stand for what the contract knows."""
    fields = {field.name: field for field in contract.fields}
    for name, words in entry.get("map", {}).items():
        if name not in fields:
            coded = [field.name for field in contract.fields if field.mapping]
            yield ("map", name), f"{name} is no field{check.meant(str(name), coded)}"
        elif fields[name].mapping is None or fields[name].is_personal or name == "evidence":
            yield ("map", name), f"the words of {name} are not a city's to say"
        elif not isinstance(words, dict) or not all(isinstance(part, str) for pair in words.items() for part in pair):
            yield ("map", name), f"{name}: words are a mapping of texts in quotes"
        elif unknown := sorted(set(words.values()) - set(fields[name].mapping.values())):
            known = sorted(set(fields[name].mapping.values()))
            yield ("map", name), f"{name}: {unknown[0]!r} is none of {', '.join(known)}"


def _of_persons(contract: Contract, change: Change) -> Iterator[tuple[Place, str]]:
    """Whether an entry would let through what the contract drops, or makes a pseudonym of.

    A title under which the contract drops a column may be that of another one that is dropped; any other title of a
    personal column is that column's alone. In a source about persons a column that takes any text keeps its title:
    nothing would tell that it holds names.
    """
    fields = {field.name: field for field in contract.fields}
    personal = {
        normal_title(field.title).casefold(): field.name
        for layout in contract.layouts
        for field in layout.fields
        if field.is_personal
    } | {normal_title(field.title).casefold(): field.name for field in contract.switched_off}
    for key, lacking in (("without", change.without), ("optional", change.optional)):
        for name in lacking:
            if fields[name].privacy == "pseudonym":
                yield (key, name), f"{name} tells persons apart, and no file may lack it"
    for key, said in (("named", change.named), ("parts", change.parts)):
        for name in said:
            if fields[name].is_personal:
                yield (key, name), f"{name} is about persons: the contract alone says what becomes of it"
    for name, title in change.headers.items():
        field, whose = fields[name], personal.get(normal_title(title).casefold())
        if whose not in (None, name) and {field.privacy, fields[whose].privacy} != {"drop"}:
            yield ("headers", name), f"{title!r} is the title of {whose}, about which the contract alone decides"
        elif (
            personal
            and not field.is_personal
            and not field.excludes_names
            and normal_title(title) != normal_title(field.title)
        ):
            yield ("headers", name), f"{name} takes any text, names too, and keeps its title in a source about persons"


def _without_effect(contract: Contract, entry: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Whether files are read as without the entry."""
    agreed, change = yaml_files.parsed(contract.path.read_bytes()), _change(contract, entry)
    agreed["resources"][0].setdefault("dialect", {})
    if "like" in entry or change.beside:
        same = _change(contract, {"name": change.name, "like": entry.get("like")}) if "like" in entry else None
        if replace(change, first=None, last=None) == same and _descriptor(contract, entry) == agreed:
            yield (), f"nothing in it differs from layout {entry['like']}: remove it"
        return
    fields = {field.name: field for field in contract.fields}
    is_other = (
        any(fields[name].title != title for name, title in change.headers.items())
        or any(fields[name].format != form for name, form in change.formats.items())
        or change.without
        or change.order
    )
    if not is_other and _descriptor(contract, entry) == agreed:
        yield (), "nothing in it differs from the contract: remove it"

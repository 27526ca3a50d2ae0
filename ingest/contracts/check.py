"""Find all errors of a contract at once, each with file and line.

A contract must pass `own_findings` to be loaded. `findings` adds the official JSON schema of Data Package 2.0; it takes
a second more, so only `lagebild source check` and the tests use it.
"""

import codecs
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ingest.contracts import entries as contracts_entries
from ingest.contracts import form, model, quality
from ingest.contracts.form import Place, meant
from ingest.contracts.model import EVIDENCE, PERSONAL, REDUCED
from lagebild.core import yaml_files

SCHEMA = form.SCHEMAS / "datapackage-2.0.json"
_TEXT = frozenset({"csv", "ldb_nrw"})


@dataclass(frozen=True)
class Finding:
    """An error of a contract."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def findings(path: Path) -> list[Finding]:
    """All errors of a contract file, ordered by line."""
    text = path.read_bytes()
    found = own_findings(path, text)
    lines, descriptor = parsed(text)
    if descriptor is not None:
        found += [Finding(path, line_of(lines, place), message) for place, message in _standard(descriptor)]
    return sorted(set(found), key=lambda finding: (finding.line, finding.message))


def own_findings(path: Path, text: bytes) -> list[Finding]:
    """Errors that prevent loading a contract; empty for a valid one."""
    lines, descriptor, wrong = opened(path, text)
    if descriptor is None:
        return wrong
    if not isinstance(descriptor, dict):
        return [Finding(path, 1, "is no mapping")]
    found = faults(path, descriptor, is_readable=not wrong)
    return wrong + [Finding(path, line_of(lines, place), message) for place, message in found]


def faults(path: Path, descriptor: dict[str, Any], is_readable: bool = True) -> list[tuple[Place, str]]:
    """What is wrong with a descriptor, each with its place there: its form, and its sense where that can be seen.

    `is_readable`: whether the descriptor is all that the file says.
    """
    misshapen = [_of_field(descriptor, one) for one in form.findings("contract", descriptor)]
    found = [(one.place, one.message) for one in misshapen]
    if is_readable and all(one.is_value for one in misshapen):
        said = {place for place, _ in found}
        found += [(place, message) for place, message in _sense(path, descriptor) if place not in said]
    return found


def opened(path: Path, text: bytes) -> tuple[dict[Place, int], Any, list[Finding]]:
    """Where each entry of a YAML file stands, what it holds (None if that cannot be read or is nothing), and what is
    wrong with it as YAML: also that a key stands twice.
    """
    try:
        lines, descriptor = parsed(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        return {}, None, [Finding(path, mark.line + 1 if mark else 1, f"is no YAML: {problem}")]
    if descriptor is None:
        return lines, None, [Finding(path, 1, "is empty")]
    twice = [(key, line) for key, line in repeated(text) if key != "<<"]
    return lines, descriptor, [Finding(path, n, f"{key!r} stands twice, and the second would win") for key, n in twice]


# --- lines ------------------------------------------------------------------------------------------


def parsed(text: bytes) -> tuple[dict[Place, int], Any]:
    """Where each entry stands, and the descriptor."""
    lines: dict[Place, int] = {}

    def walk(node: yaml.Node | None, place: Place) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                lines[(*place, key.value)] = key.start_mark.line + 1
                walk(value, (*place, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                lines[(*place, number)] = value.start_mark.line + 1
                walk(value, (*place, number))

    walk(yaml.compose(text, yaml_files.loader()), ())
    return lines, yaml.load(text, yaml_files.loader())


def line_of(lines: dict[Place, int], place: Place) -> int:
    """The line of a place, or of what would hold it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def repeated(text: bytes) -> Iterator[tuple[str, int]]:
    def walk(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen:
                    yield key.value, key.start_mark.line + 1
                seen.add(key.value)
                yield from walk(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                yield from walk(value)

    return walk(yaml.compose(text, yaml_files.loader()))


# --- the official schema ----------------------------------------------------------------------------


def _standard(descriptor: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Violations of the official JSON schema; fields are validated against the schema of their type."""
    import jsonschema

    plain = json.loads(json.dumps(descriptor, default=str))
    for error in jsonschema.Draft7Validator(form.schema(SCHEMA.stem)).iter_errors(plain):
        yield from _spelled_out(error)


def _spelled_out(error: Any) -> Iterator[tuple[Place, str]]:
    place = tuple(error.absolute_path)
    if error.validator == "oneOf" and len(place) >= 2 and place[-2] == "fields":
        declared = error.instance.get("type", "string")
        titles = [branch["properties"].get("type", {}).get("enum", []) for branch in error.validator_value]
        branch = next((number for number, types in enumerate(titles) if declared in types), None)
        inner = [child for child in error.context if branch is not None and child.schema_path[0] == branch]
        if inner:
            for child in inner:
                yield (*place, *child.path), f"Data Package 2.0: {child.message[:300]}"
            return
        yield (*place, "type"), f"Data Package 2.0: {declared!r} is no type of a field"
        return
    yield place, f"Data Package 2.0: {error.message[:300]}"


# --- our own entries --------------------------------------------------------------------------------


def _of_field(descriptor: dict[str, Any], found: form.Misshapen) -> form.Misshapen:
    """The finding; of a field it begins with the field's name."""
    match found.place:
        case ("resources", 0, "schema", "fields", int(number), *_):
            entry = descriptor["resources"][0]["schema"]["fields"][number]
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                return found._replace(message=f"{entry['name']}: {found.message}")
    return found


@cache
def entries_of(part: str) -> dict[str, dict[str, Any]]:
    """What the schema says of the entries of a part: `lagebild`, `dialect`; of fields `field`, `own`, `constraints`.

    Under `readers` and `types`: for which of them the entry has an effect, if not for all.
    """
    top = form.schema("contract")["properties"]
    resource = top["resources"]["items"]["properties"]
    field = resource["schema"]["properties"]["fields"]["items"]["properties"]
    parts = {"dialect": resource["dialect"], "own": field["lagebild"], "constraints": field["constraints"]}
    return field if part == "field" else (parts | top)[part]["properties"]


def _without_effect(part: str, told: dict, word: str, kind: str) -> Iterator[tuple[str, str]]:
    """Entries that say something of files, or of values, which this reader or type (`word`) has not."""
    known = entries_of({"reader": "lagebild", "type": "field"}[word])[word]["enum"]
    for key in told if kind in known else ():
        effective = entries_of(part).get(key, {}).get(f"{word}s", [kind])
        if kind not in effective:
            yield key, f"{key} has no effect for {word} {kind}, only for {', '.join(effective)}"


def _sense(path: Path, descriptor: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    (resource,), own = descriptor["resources"], descriptor["lagebild"]
    entries = resource["schema"]["fields"]
    yield from _source(path, descriptor, own)
    yield from _dialect(resource, own)
    yield from _privacy(entries, own)
    names = {entry["name"] for entry in entries if entry.get("lagebild", {}).get("privacy", "keep") == "keep"}
    for number, entry in enumerate(entries):
        of = entry.get("lagebild", {}).get("nationality")
        if of is not None and of not in names:
            place = ("resources", 0, "schema", "fields", number, "lagebild", "nationality")
            yield place, f"{entry['name']}: {of} is no field that is kept"
    if own.get("optional_apart") and not any(entry.get("lagebild", {}).get("optional") for entry in entries):
        yield ("lagebild", "optional_apart"), "optional_apart speaks of optional columns, and no field is optional"
    for number, entry in enumerate(entries):
        place = ("resources", 0, "schema", "fields", number)
        yield from ((place + rest, f"{entry['name']}: {message}") for rest, message in _field(entry, own))
    yield from _german(entries, own)
    yield from _names(entries, resource)
    yield from _history(entries, own, resource)
    yield from _counted(entries, own, resource)
    yield from _languages(path, descriptor)


def _source(path: Path, descriptor: dict, own: dict) -> Iterator[tuple[Place, str]]:
    if descriptor["name"] != path.parent.name:
        yield ("name",), f"the name is {descriptor['name']!r}, the folder {path.parent.name!r}"
    for key in ("file_name", "member", "footer"):
        if key in own and (problem := _pattern_problem(own[key])):
            yield ("lagebild", key), f"{key}: {problem}"
    if not _pattern_problem(own["file_name"]):
        pattern = re.compile(own["file_name"])
        if "period" not in pattern.groupindex:
            yield ("lagebild", "file_name"), "file_name has no group (?P<period>...)"
        if own.get("pseudonym_purpose") and "ags" not in pattern.groupindex:
            yield ("lagebild", "file_name"), "a source with pseudonyms needs a group (?P<ags>...) to choose the key"
        if not pattern.fullmatch(own["example"]):
            yield ("lagebild", "example"), "the example's name does not match file_name"


def _german(entries: list[dict], own: dict) -> Iterator[tuple[Place, str]]:
    """The supplier's page: each field has its German meaning, or none has."""
    german, place = own.get("german", {}), ("lagebild", "german")
    meanings, names = german.get("fields", {}), [entry["name"] for entry in entries]
    for name in sorted(set(names) ^ set(meanings)) if german else ():
        problem = "is no field" if name in meanings else "has no meaning for the supplier"
        yield (*place, "fields", name), f"german: {name} {problem}"


def _pattern_problem(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"is no regular expression: {error}"
    return None


def _dialect(resource: dict, own: dict) -> Iterator[tuple[Place, str]]:
    dialect, place = resource.get("dialect", {}), ("resources", 0, "dialect")
    encoding = resource.get("encoding", "utf-8")
    try:
        known = codecs.lookup(encoding)._is_text_encoding
    except LookupError:
        known = False
    if not known:
        yield ("resources", 0, "encoding"), f"{encoding!r} is no text encoding"
    if dialect.get("doubleQuote") is False and "escapeChar" not in dialect:
        yield (*place, "doubleQuote"), "quotes that are not doubled need an escapeChar"
    if dialect.get("header") is False and own["reader"] != "fixed_width":
        yield (*place, "header"), "a file without a header cannot be compared with the contract"
    if own["reader"] == "xlsx" and "sheetName" not in dialect:
        yield place, "reader xlsx needs sheetName"
    if own["reader"] == "fixed_width" and not own.get("record_length"):
        yield ("lagebild",), "reader fixed_width needs record_length"
    rows = dialect.get("headerRows", [1])
    if sorted(rows) != rows:
        yield (*place, "headerRows"), "headerRows is no list of rising line numbers from 1 on"
    elif "headerJoin" in dialect and len(rows) == 1:
        yield (*place, "headerJoin"), "headerJoin joins stacked rows, and there is one header row"
    for part, told, where in (("dialect", dialect, place), ("lagebild", own, ("lagebild",))):
        for key, message in _without_effect(part, told, "reader", own["reader"]):
            yield (*where, key), message
    if own["reader"] == "xlsx" and resource.get("encoding", "utf-8").lower() != "utf-8":
        yield ("resources", 0, "encoding"), "encoding has no effect for reader xlsx: leave it out"


def _privacy(entries: list[dict], own: dict) -> Iterator[tuple[Place, str]]:
    classes = {entry.get("lagebild", {}).get("privacy", "keep") for entry in entries}
    if classes & set(PERSONAL) and not own.get("legal_basis"):
        yield (
            ("lagebild",),
            "personal fields without a legal_basis under lagebild: such a source does not load",
        )
    if "origin" in classes and not own.get("pseudonym_purpose"):
        yield ("lagebild",), "an origin is told from the municipality of the key: it needs pseudonym_purpose"
    if "pseudonym" in classes and not own.get("pseudonym_purpose"):
        yield ("lagebild",), "a pseudonym field needs pseudonym_purpose under lagebild:"
    has_field = any(entry["name"] == "evidence" for entry in entries)
    if has_field == ("evidence" in own):
        yield (
            ("lagebild",),
            "evidence stands either under lagebild: for the source or in a field, in one of the two",
        )


def _field(entry: dict, own: dict) -> Iterator[tuple[Place, str]]:
    constraints, ours = entry.get("constraints", {}), entry.get("lagebild", {})
    kind, privacy = entry["type"], ours.get("privacy", "keep")
    if privacy in REDUCED and kind != "string":
        yield ("lagebild", "privacy"), f"privacy {privacy} is of a key, which is a string"
    if (privacy == "background") != ("nationality" in ours):
        yield ("lagebild", "privacy"), "privacy background and nationality (the field that says it) go together"
    if ours.get("switch") and (constraints.get("required") or not ours.get("optional") or own["reader"] not in _TEXT):
        yield ("lagebild", "switch"), "what is switched on is an optional column of delimited text, and never required"
    if privacy == "year" and kind != "date":
        yield ("lagebild", "privacy"), "only a date can be reduced to its year"
    rests = (("field", entry, ()), ("own", ours, ("lagebild",)), ("constraints", constraints, ("constraints",)))
    for part, told, rest in rests:
        for key, message in _without_effect(part, told, "type", kind):
            yield (*rest, key), message
    if kind == "date" and (problem := _format_problem(entry.get("format"))):
        yield ("format",), problem
    if "pattern" in constraints and (problem := _pattern_problem(str(constraints["pattern"]))):
        yield ("constraints", "pattern"), problem
    yield from _truths(entry)
    if entry.get("decimalChar", ".") == entry.get("groupChar", ""):
        yield ("groupChar",), "decimalChar and groupChar are the same"
    if ours.get("dash_is_zero") and not ours.get("signs"):
        yield ("lagebild", "dash_is_zero"), "dash_is_zero speaks of official signs: set signs too"
    if ours.get("signs") and kind not in ("integer", "number"):
        yield ("lagebild", "signs"), "official signs stand for numbers"
    if ours.get("signs") and privacy != "keep":
        yield ("lagebild", "signs"), "official signs stand in statistics, not in personal fields"
    lists = [key for key in ("map", "code_list") if key in ours] + ["enum"] * ("enum" in constraints)
    if len(lists) > 1:
        yield (), f"{' and '.join(lists)} say which words are allowed: leave one"
    if "code_list" in ours and ours["code_list"] not in own.get("code_lists", {}):
        yield ("lagebild", "code_list"), f"there is no code list {ours['code_list']!r} under lagebild: code_lists"
    words = [word for pair in ours.get("map", {}).items() for word in pair]
    if any(not isinstance(word, str) for word in words):
        yield ("lagebild", "map"), "a word of map is no text: write it in quotes"
    if entry["name"] == "evidence" and not {*ours.get("map", {}).values(), ours.get("default", EVIDENCE[0])} <= {
        *EVIDENCE
    }:
        yield ("lagebild",), f"maps to none of {', '.join(EVIDENCE)}"
    if ours.get("optional") and "default" not in ours and constraints.get("required"):
        yield ("lagebild", "optional"), "a required column that may be lacking needs a default"
    yield from _columns(ours, own)


def _truths(entry: dict) -> Iterator[tuple[Place, str]]:
    """What is wrong with the words for yes and no of a field."""
    told = {key: entry[key] for key in ("trueValues", "falseValues") if key in entry}
    for key, words in told.items():
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            yield (key,), f'{key} is no list of texts in quotes, such as ["x"]'
            return
        if any(word != word.strip() for word in words):
            yield (key,), f"{key}: blanks around a text are no part of it"
    if "" in told.get("trueValues", ()):
        yield ("trueValues",), "trueValues: nothing says yes to nothing; an empty text belongs under falseValues"
    if both := sorted(set(told.get("trueValues", ())) & set(told.get("falseValues", ()))):
        yield ("falseValues",), f"falseValues: {both[0]!r} stands under trueValues, too"


def _format_problem(form: Any) -> str | None:
    if not isinstance(form, str):
        return "a date needs the format in which the file writes it, such as %d.%m.%Y"
    day = date(2024, 11, 30)
    try:
        if datetime.strptime(day.strftime(form), form).date() == day:
            return None
    except (ValueError, re.error):
        pass
    return f"format {form!r} does not hold day, month and year"


def _columns(ours: dict, own: dict) -> Iterator[tuple[Place, str]]:
    if own["reader"] != "fixed_width":
        if "columns" in ours:
            yield ("lagebild", "columns"), "columns belong to the reader fixed_width"
        return
    if "columns" not in ours:
        yield (), "reader fixed_width needs lagebild: {columns: first-last}"
        return
    try:
        _, last = contracts_entries.span(ours["columns"])
    except ValueError as error:
        yield ("lagebild", "columns"), str(error)
        return
    if last > own.get("record_length", last):
        yield ("lagebild", "columns"), f"ends behind the record of {own['record_length']} characters"


def _names(entries: list[dict], resource: dict) -> Iterator[tuple[Place, str]]:
    place = ("resources", 0, "schema")
    names = [entry["name"] for entry in entries]
    columns = [*names, *(f"{e['name']}_sign" for e in entries if e.get("lagebild", {}).get("signs"))]
    for number, name in enumerate(names):
        if columns.count(name) > 1 or name in ("delivery_id", "line_number"):
            yield (*place, "fields", number, "name"), f"{name} would be two columns of raw"
    key = resource["schema"].get("primaryKey", [])
    dropped = {entry["name"] for entry in entries if entry.get("lagebild", {}).get("privacy") == "drop"}
    for name in [key] if isinstance(key, str) else key:
        if name not in names:
            yield (*place, "primaryKey"), f"the key's {name} is no field"
        if name in dropped:
            yield (*place, "primaryKey"), f"the key's {name} is dropped at landing"


def _history(entries: list[dict], own: dict, resource: dict) -> Iterator[tuple[Place, str]]:
    if "history" not in own:
        return
    by_name, key = {entry["name"]: entry for entry in entries}, resource["schema"]["primaryKey"]
    key, place = [key] if isinstance(key, str) else key, ("lagebild", "history")
    day = by_name.get(own["history"], {})
    is_plain = not {"privacy", "map", "code_list"} & set(day.get("lagebild", {}))
    if day.get("type") != "date" or not is_plain or own["history"] not in key or len(key) < 2:
        yield place, "history names a date field, kept as it is, that is part of the key beside other fields"
    for name in key:
        if name in by_name and not by_name[name].get("constraints", {}).get("required"):
            yield place, f"a source with a history needs every field of its key, and {name} is not required"


def _counted(entries: list[dict], own: dict, resource: dict) -> Iterator[tuple[Place, str]]:
    """A source that is counted at loading: what the match reads is there, and nothing asks for rows of raw."""
    if "counted" not in own:
        return
    place = ("lagebild", "counted")
    if lacking := [name for name in model.MATCHED_FIELDS if name not in {entry["name"] for entry in entries}]:
        yield place, f"a source that is counted at loading needs the field {lacking[0]}"
    if not own.get("pseudonym_purpose"):
        yield place, "a source that is counted at loading needs a pseudonym_purpose of its own"
    for key in ("history", "quality"):
        if own.get(key):
            yield place, f"{key} speaks of rows of raw, and of a source that is counted at loading raw has none"
    if resource["schema"].get("primaryKey"):
        yield place, "a source that is counted at loading has no primaryKey: a child may stand in a list twice"


def _languages(path: Path, descriptor: dict) -> Iterator[tuple[Place, str]]:
    """Retention, due dates, code lists, rules and layouts, each read as the loader reads it."""
    own, (resource,) = descriptor["lagebild"], descriptor["resources"]
    found = list(_attempt(("lagebild", "retention"), lambda: contracts_entries.duration(own["retention"])))
    if own["due"]["every"] in model.EVERY:
        found += _attempt(("lagebild", "due"), lambda: contracts_entries.due(own["due"]))
    if "counted" in own:
        found += _attempt(("lagebild", "counted"), lambda: contracts_entries.counted(own["counted"]))
    if "retired" in own:
        found += _attempt(("lagebild", "retired"), lambda: contracts_entries.retirement(own["retired"]))
    for name, entry in own.get("code_lists", {}).items():
        found += _attempt(
            ("lagebild", "code_lists", name),
            lambda name=name, entry=entry: contracts_entries.code_list(path.parent, name, entry),
        )
    yield from found
    any_list = defaultdict(lambda: model.CodeList("", {}, None))
    try:
        fields = {entry["name"]: contracts_entries.field_of(entry, any_list) for entry in resource["schema"]["fields"]}
    except (ValueError, TypeError, re.error):
        return  # said above, field by field
    for number, entry in enumerate(own.get("rules", [])):
        yield from _attempt(("lagebild", "rules", number), lambda entry=entry: contracts_entries.rule(entry, fields))
    for place, said in quality.findings(own.get("quality", []), fields):
        yield ("lagebild", "quality", *place), said
    if own.get("layouts"):
        yield from _layouts(own, tuple(fields.values()))


def _attempt(place: Place, read: Callable[[], Any]) -> Iterator[tuple[Place, str]]:
    try:
        read()
    except ValueError as error:
        yield place, str(error)


def _layouts(own: dict, fields: tuple[model.Field, ...]) -> Iterator[tuple[Place, str]]:
    seen: list[model.Layout] = []
    current = [field.title for field in fields]
    for number, entry in enumerate(own["layouts"]):
        place = ("lagebild", "layouts", number)
        try:
            change = contracts_entries.change(entry)
        except (ValueError, TypeError, AttributeError) as error:
            yield place, str(error)
            continue
        yield from ((place + rest, message) for rest, message in layout_sense(change, fields))
        yield from ((place, f"layout {change.name}: {message}") for message in beside_sense(change, fields, own))
        layout = change.layout(fields)
        if layout.beside and sorted(layout.header) == sorted(current):
            yield place, f"layout {layout.name} has the titles of layout current, beside which it stands"
        for other in seen:
            if other.name == layout.name:
                yield place, f"layout {layout.name} stands twice"
            elif other.titles == layout.titles and overlap(other, layout):
                yield place, f"layouts {other.name} and {layout.name} have one header in the same period"
        seen.append(layout)


def layout_sense(change: model.Change, fields: tuple[model.Field, ...]) -> Iterator[tuple[Place, str]]:
    """What is wrong with an entry of `layouts` for these fields, each with its place in the entry."""
    names = {field.name: field for field in fields}
    for key, used in (
        ("headers", change.headers),
        ("formats", change.formats),
        ("without", change.without),
        ("named", change.named),
        ("parts", change.parts),
        ("trailing_minus", change.trailing_minus),
        ("required", change.required),
        ("optional", change.optional),
        ("totals", change.beside.totals if change.beside else ()),
    ):
        for name in sorted(set(map(str, used)) - set(names)):
            place = (key, name) if isinstance(used, dict) else (key,)
            yield place, f"layout {change.name}: {name} is no field{meant(name, names)}"
    for name, written in change.formats.items():
        if name in names and names[name].type == "date" and (problem := _format_problem(written)):
            yield ("formats", name), f"layout {change.name}: {name}: {problem}"
    kept = [name for name in names if name not in change.without and name not in change.named]
    if change.order and sorted(change.order) != sorted(kept):
        yield ("order",), f"layout {change.name}: order does not hold each of its fields once"
    if "evidence" in change.without and change.without["evidence"] not in EVIDENCE:
        yield ("without",), f"layout {change.name}: evidence needs one of {', '.join(EVIDENCE)}"


def beside_sense(change: model.Change, fields: tuple[model.Field, ...], own: dict) -> Iterator[str]:
    """What is wrong with what a layout beside others says of the file."""
    types = {field.name: field.type for field in fields}
    if change.beside and own["reader"] not in _TEXT:
        yield f"a layout beside others is of delimited text, and the reader is {own['reader']}"
    groups = re.compile(own["file_name"]).groupindex if not _pattern_problem(own["file_name"]) else {}
    for name, group in change.named.items():
        if group not in groups:
            yield f"named: {name}: file_name has no group (?P<{group}>...)"
        if types.get(name, "string") != "string":
            yield f"named: {name} is no text, as a part of a name is"
    if both := sorted(set(change.named) & set(change.without)):
        yield f"{both[0]} stands under named and under without"
    if change.german is not None and not isinstance(change.german, str):
        yield "german is no text"
    for name in change.beside.totals if change.beside else ():
        if types.get(name, "number") not in ("integer", "number") or name in {*change.named, *change.without}:
            yield f"totals: {name} is no number of the file"
        if change.beside.footer is None:
            yield "totals are those of the lines that footer tells, and there is none"
        if own.get("history") or any(field.is_personal for field in fields):
            yield "totals print figures, and a source about persons, or with a history, says none"


def overlap(one: model.Layout | model.Change, other: model.Layout | model.Change) -> bool:
    """Whether both are valid in some period."""

    def begins_within(inner: model.Layout | model.Change, outer: model.Layout | model.Change) -> bool:
        return model.holds_in(outer, inner.first) if inner.first else outer.first is None

    return begins_within(one, other) or begins_within(other, one)

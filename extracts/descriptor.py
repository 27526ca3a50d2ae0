"""`datapackage.json`: what the files are, column by column, and where the figures come from (Data Package 2.0)."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any, get_args

from extracts.contents import Contents
from extracts.identity import contact_address, dataset_name
from extracts.listing import CODES, Listed, Written, counts, listed
from extracts.marts import Column, Mart
from extracts.model import Status
from extracts.package import DATA, Reference
from extracts.tables import CODES_HEADER, DIALECT, STATUS, neutralised, written_columns
from extracts.texts import LANGUAGES, Texts

_TYPES = {"text": "string", "integer": "integer", "number": "number", "date": "date", "datetime": "datetime"}
MOST_CATEGORIES = 100
"""A column with more codes than this has them in codes.csv alone."""


def descriptor_bytes(contents: Contents, files: Mapping[str, Written]) -> bytes:
    """The descriptor of `files`; the same contents and files give the same bytes.

    UserError if the publisher's contact is neither a mail address nor a page.
    """
    return (json.dumps(descriptor(contents, files), ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def descriptor(contents: Contents, files: Mapping[str, Written]) -> dict[str, Any]:
    """The descriptor as Python values."""
    publication, about, texts = contents.publication, contents.about, contents.texts
    say = texts.say
    keywords = [word for code in LANGUAGES for word in Texts(code).say("dcat.keywords").split(", ")]
    parts = [say("dcat.synthetic")] * about.is_synthetic + [say("dcat.description")]
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": f"lagebild-{about.recipient.name}",
        "id": dataset_name(contents),
        "title": say("dcat.title_synthetic" if about.is_synthetic else "dcat.title"),
        "description": " ".join(parts),
        "version": str(publication.publication_id),
        "created": f"{publication.published_at:%Y-%m-%dT%H:%M:%SZ}",
        "keywords": list(dict.fromkeys(keywords)),
        "contributors": [_publisher(contents)],
        **_optional("licenses", _distinct(x for a in contents.attributions.values() for x in a["licenses"])),
        **_optional("sources", _distinct(x for a in contents.attributions.values() for x in a["sources"])),
        "resources": [_resource(contents, file, files) for file in listed(contents, files)],
        "lagebild": {
            "publication_id": publication.publication_id,
            "code_version": publication.code_version,
            "language": texts.language,
            "model_versions": contents.model_versions,
            "deliveries": contents.deliveries,
            "accepted_in_spite_of_a_finding": [
                {name: f"{value}" if isinstance(value, date) else value for name, value in acceptance.items()}
                for acceptance in contents.acceptances
            ],
            "evidence": {name: text[texts.language] for name, text in contents.package.evidence.items()},
        },
    }


def _publisher(contents: Contents) -> dict[str, Any]:
    publisher = contents.about.publisher
    address = contact_address(publisher)
    if address.startswith("mailto:"):
        contact = {"email": address.removeprefix("mailto:")}
    else:
        contact = {"path": address} if address else {}
    return {"title": publisher.name, **contact, "roles": ["publisher", "contact"] if address else ["publisher"]}


def _resource(contents: Contents, file: Listed, files: Mapping[str, Written]) -> dict[str, Any]:
    """A file; of a table its columns too."""
    written = files[file.name]
    plain = {
        "name": file.key,
        "path": file.name,
        "title": file.title,
        "format": file.form.name,
        "mediatype": file.form.media_type,
        "bytes": written.size,
        "hash": f"sha256:{written.sha256}",
    }
    if file.name == CODES:
        return plain | _table() | {"schema": _codes_schema()}
    if file.mart is None:
        return plain
    mart = file.mart
    used = contents.used_by(mart.entry.name)
    attributions = [contents.attributions[source] for source in dict.fromkeys(row["source"] for row in used)]
    description = contents.texts.description(mart.entry.name, english=mart.description)
    told = [description, *_of_sample(contents, file), *contents.captions(mart.entry)]
    return {
        **plain,
        "description": "\n\n".join(filter(None, told)),
        **_optional("licenses", _distinct(x for a in attributions for x in a["licenses"])),
        **_optional("sources", _distinct(x for a in attributions for x in a["sources"])),
        **({**_table(), "schema": _schema(contents, mart)} if file.is_csv else {}),
        "lagebild": {
            "rows": len(mart.rows) if file.is_csv else mart.row_count,
            "deliveries": [{k: v for k, v in row.items() if k not in ("mart", "model_version")} for row in used],
        },
    }


def _table() -> dict[str, Any]:
    return {"type": "table", "encoding": "utf-8", "dialect": DIALECT}


def _schema(contents: Contents, mart: Mart) -> dict[str, Any]:
    """The columns of a mart's CSV."""
    columns = written_columns(mart)
    names = frozenset(column.name for column in columns)
    return {
        "fields": [_field(contents, mart, column, names) for column in columns],
        "primaryKey": list(mart.entry.key),
        **_optional("foreignKeys", list(_foreign_keys(contents, mart))),
        "missingValues": [""],
    }


def _of_sample(contents: Contents, file: Listed) -> Iterator[str]:
    """That a CSV has the first rows alone, and which file has all."""
    mart = file.mart
    if mart and mart.is_sample:
        stem, told = f"{DATA}{mart.entry.name}", counts(mart, contents.texts)
        key, other = ("sample", "parquet") if file.is_csv else ("parquet", "csv")
        yield contents.texts.say(f"descriptor.{key}", **{other: f"{stem}.{other}"}, **told)


def _codes_schema() -> dict[str, Any]:
    """Every column of codes.csv is text, so that a code keeps its zeros."""
    return {"fields": [{"name": name, "type": "string"} for name in CODES_HEADER], "missingValues": [""]}


def _field(contents: Contents, mart: Mart, column: Column, names: frozenset[str]) -> dict[str, Any]:
    texts = contents.texts
    description = texts.description(mart.entry.name, column.name, column.description)
    field: dict[str, Any] = {
        "name": column.name,
        "title": texts.label(column.name),
        **({"description": description} if description else {}),
    }
    if f"{column.name}{STATUS}" in names:
        empty = texts.say("descriptor.empty", column=f"{column.name}{STATUS}")
        field["missingValues"] = [{"value": "", "label": empty}]
    if column.kind == "boolean":
        return field | {"type": "boolean", "trueValues": [texts.truth(True)], "falseValues": [texts.truth(False)]}
    if column.kind == "number":
        return field | {"type": "number", "decimalChar": ","}
    if column.name.endswith(STATUS) and column.name not in {one.name for one in mart.columns}:
        # What each means stands in codes.csv once: hundreds of columns have the same.
        title = texts.say("descriptor.status", title=texts.label(column.name.removesuffix(STATUS)))
        return field | {"title": title, "type": "string", "constraints": {"enum": list(get_args(Status))}}
    if column.kind == "text" and (codes := _codes(contents, mart, column)):
        # Labels for people; `enum` for programs that do not know categories yet.
        categories = [{"value": value, "label": label} for value, label in codes.items()]
        return field | {"type": "string", "categories": categories, "constraints": {"enum": list(codes)}}
    return field | {"type": _TYPES[column.kind]}


def _codes(contents: Contents, mart: Mart, column: Column) -> dict[str, str]:
    """The codes of a column, as they are written, with their meaning; none unless each of its values is one."""
    distinct = set(mart.values(column.name)) - {None, ""}
    if mart.is_sample or len(distinct) > MOST_CATEGORIES:  # rows that are not at hand may have others
        return {}
    found = {}
    for value in sorted(distinct):
        text = contents.texts.code(column.name, value)
        if not text:
            return {}
        found[neutralised(value)] = text
    return found


def _foreign_keys(contents: Contents, mart: Mart) -> Iterator[dict[str, Any]]:
    """The references of `package.yml` that hold: both tables are here whole, and each row finds its other."""
    by_name = {one.entry.name: one for one in contents.marts if not one.is_sample}
    for reference in mart.entry.references:
        other = by_name.get(reference.mart)
        if mart.entry.name in by_name and other and _holds(mart, other, reference):
            resource = {} if other is mart else {"resource": other.entry.name}
            yield {
                "fields": list(reference.columns),
                "reference": {**resource, "fields": list(reference.to)},
            }


def _holds(mart: Mart, other: Mart, reference: Reference) -> bool:
    rows = zip(*map(mart.values, reference.columns), strict=True)
    known = set(zip(*map(other.values, reference.to), strict=True))
    return all(row in known for row in rows if any(value is not None for value in row))


def _optional(name: str, values: list[Any]) -> dict[str, list[Any]]:
    # The profile allows no empty list here.
    return {name: values} if values else {}


def _distinct(values: Any) -> list[Any]:
    as_text = partial(json.dumps, sort_keys=True)
    return [json.loads(text) for text in dict.fromkeys(map(as_text, values))]

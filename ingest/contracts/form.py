"""The form of a YAML file that people write here, by its JSON Schema in `schemas/`, from which editors complete it.

What a schema says under `errorMessage` is said here as in an editor; other findings are put into words here.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lagebild.core.errors import did_you_mean

SCHEMAS = Path(__file__).parents[1] / "schemas"
Place = tuple[str | int, ...]
_KINDS = {
    **{"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"},
    **{"object": "mapping", "array": "list"},
}


class Misshapen(NamedTuple):
    """One thing that is wrong with a file's form."""

    place: Place
    message: str
    is_value: bool
    """Only the value is wrong: what is there is of the right kind, and can be looked at further."""


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema `schemas/<name>.json`."""
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


@cache
def _validator(name: str) -> Any:
    import jsonschema  # late: both take a twentieth of a second
    import referencing

    base = jsonschema.Draft7Validator
    kinds = base.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)  # 5.0 is none
    others = referencing.Registry(retrieve=lambda uri: referencing.Resource.from_contents(schema(Path(uri).stem)))
    return jsonschema.validators.extend(base, type_checker=kinds)(schema(name), registry=others)


def findings(name: str, told: Any) -> Iterator[Misshapen]:
    """What of a file's content (as YAML reads it) breaks the schema `name`, each with its place there."""
    for error in _validator(name).iter_errors(_plain(told)):
        place = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            for key in sorted(set(error.instance) - set(known)):
                near = meant(key, known) or f": it knows {', '.join(known)}"
                message = f"{_label(place)}the loader knows no entry {key!r}{near}"
                yield Misshapen((*place, key), message, False)
        elif error.validator == "required":
            missing = [key for key in error.validator_value if key not in error.instance]
            yield from (Misshapen(place, f"{_label(place)}{key!r} is missing", False) for key in missing)
        else:
            is_value = error.validator in ("enum", "pattern", "minimum", "maximum", "uniqueItems")
            yield Misshapen(place, error.schema.get("errorMessage") or _said(error, place), is_value)


def _said(error: Any, place: Place) -> str:
    key = place[-1] if place and isinstance(place[-1], str) else "an entry"
    if error.validator == "type":
        kinds = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        is_bare = "string" in kinds and error.instance is not None and not isinstance(error.instance, dict | list)
        quotes = ": write it in quotes" if is_bare else ""
        named = " or ".join(_KINDS[kind] for kind in kinds if kind in _KINDS)
        return f"{_label(place[:-1])}{key} is no {named}{quotes}"
    if error.validator == "enum":
        return f"{_label(place[:-1])}{key} {error.instance!r} is none of {', '.join(error.validator_value)}"
    return f"{_label(place[:-1])}{key}: {error.message}"


def _label(place: Place) -> str:
    return f"{place[-1]}: " if place and isinstance(place[-1], str) else ""


def _plain(told: Any) -> Any:
    """The same with texts as names, as JSON has it and as the lines of a file are found by."""
    if isinstance(told, dict):
        return {str(key): _plain(value) for key, value in told.items()}
    return [_plain(value) for value in told] if isinstance(told, list) else told


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name; empty where no known one is near."""
    question = did_you_mean(name, known).strip()
    return f"; {question}" if question else ""

"""Signs and reasons of the marts become the status of a figure; no status tells by which rule a number is protected."""

import pytest

from extracts import signs
from extracts.marts import Column, Mart
from extracts.package import MartEntry
from lagebild.core import seeds

COLUMNS = ("region_code", "persons", "value_sign", "reason", "share_pct", "share_sign", "share_reason", "gap_eur")


def mart(figures: dict | None = None) -> Mart:
    entry = MartEntry("tiny", {"de": "Klein", "en": "Tiny"}, ("region_code",), None, figures or {})
    return Mart(entry, "", tuple(Column(name, "text", None, "") for name in COLUMNS), ())


def row(**values) -> tuple:
    return tuple({"region_code": "05", **values}.get(name) for name in COLUMNS)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"persons": 5}, None),
        ({"value_sign": "-"}, "nothing"),
        ({"value_sign": "."}, "not_available"),
        ({"value_sign": "*"}, "confidential"),
        ({"value_sign": "x"}, "not_meaningful"),
        ({"value_sign": "/"}, "unreliable"),
        ({"value_sign": "..."}, "later"),
        ({"persons": 5, "value_sign": "()"}, "limited"),
        ({"persons": 0, "value_sign": "0"}, "less_than_half"),
        ({"persons": 5, "value_sign": "p"}, "provisional"),
        ({"persons": 5, "value_sign": "-"}, None),
        ({"value_sign": "-", "reason": "none_or_rounded_away"}, "less_than_half"),
        ({"reason": "confidential"}, "confidential"),
        ({"reason": "rate_too_coarse"}, "confidential"),
        ({"value_sign": "/", "reason": "sign_instead_of_value"}, "unreliable"),
        ({"value_sign": "...", "reason": "sign_instead_of_value"}, "later"),
        ({"value_sign": "-", "reason": "sign_instead_of_value"}, "not_available"),
        ({"value_sign": "/", "reason": "confidential"}, "confidential"),
        ({"reason": "published_later"}, "later"),
        ({"reason": "across_break"}, "break_in_series"),
        ({}, "not_available"),
    ],
)
def test_the_status_of_a_figure(values, status):
    assert signs.status(mart(), row(**values), "persons") == status
    other = row(value_sign="p", persons=1)
    columns = dict(zip(COLUMNS, zip(row(**values), other, row(**values), strict=True), strict=True))
    assert signs.statuses(mart(), columns, "persons") == [status, "provisional", status]


def test_a_figure_has_its_own_sign_and_reason_before_those_of_the_row():
    values = row(value_sign="/", reason="confidential", share_sign="x")
    assert signs.status(mart(), values, "share_pct") == "confidential"
    other = mart({"share_pct": {"sign": "share_sign", "reason": "share_reason"}})
    assert signs.status(other, row(reason="confidential", share_reason="published_later"), "share_pct") == "later"
    assert signs.status(other, row(value_sign="/", share_sign="x"), "share_pct") == "not_meaningful"


def test_a_declared_empty_figure_is_what_it_is_declared():
    assert signs.status(mart({"gap_eur": {"empty": "not_meaningful"}}), row(), "gap_eur") == "not_meaningful"


def test_a_revised_figure_is_marked_and_no_other():
    changed = frozenset({("tiny", (("region_code", "05"),), "persons")})
    assert signs.status(mart(), row(persons=5), "persons", changed) == "revised"
    assert signs.status(mart(), row(persons=5, region_code="06"), "persons", changed) is None
    assert signs.status(mart(), row(persons=5, share_pct=1), "share_pct", changed) is None


def test_every_reason_has_a_status_that_has_a_sign():
    assert {row["status"] for row in seeds.rows("reason")} <= signs.SIGNS.keys()
    assert [row["reason"] for row in seeds.rows("reason") if not row["status"]] == []


def test_every_status_has_its_sign():
    assert signs.SIGNS.keys() > signs.REPLACING
    assert signs.hides("rate_too_coarse") and not signs.hides("confidential") and not signs.hides("published_later")

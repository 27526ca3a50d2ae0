"""German values become exact Python values, or a coded reason that does not quote them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from ingest import contracts
from ingest.values import BadValue, parse

MISSING = frozenset({""})
AMOUNT = next(f for f in contracts.load("ledger").fields if f.name == "amount_eur")
REFERENCE_DATE = next(f for f in contracts.load("register").fields if f.name == "reference_date")
SEX = next(f for f in contracts.load("register").fields if f.name == "sex")
AGS = next(f for f in contracts.load("register").fields if f.name == "region_code")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("15.639.763,00", Decimal("15639763.00")),
        ("-1.234,56", Decimal("-1234.56")),
        ("0,01", Decimal("0.01")),
        ("12", Decimal("12")),
        (" 7,5 ", Decimal("7.5")),
    ],
)
def test_amounts_are_exact(text, value):
    assert parse(AMOUNT, text, MISSING) == value


@pytest.mark.parametrize("text", ["1.5", "12.34,00", "1,2,3", "1e6", "EUR", "１２", "--5", "5-", ",", "-"])
def test_what_is_no_german_amount_is_no_number(text):
    with pytest.raises(BadValue) as caught:
        parse(AMOUNT, text, MISSING)
    assert caught.value.code == "type"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.234,56-", Decimal("-1234.56")), ("-1.234,56", Decimal("-1234.56")), ("7 -", Decimal(-7)), ("7", Decimal(7))],
)
def test_a_minus_may_stand_behind_where_the_contract_says_so(text, value):
    assert parse(replace(AMOUNT, trailing_minus=True), text, MISSING) == value


@pytest.mark.parametrize("text", ["-5-", "+5-", "5--", "-", "5-0"])
def test_a_minus_behind_is_one_sign_and_the_only_one(text):
    with pytest.raises(BadValue):
        parse(replace(AMOUNT, trailing_minus=True), text, MISSING)


def test_a_whole_number_may_have_thousands_points_but_no_fraction():
    persons = replace(AMOUNT, type="integer")
    assert parse(persons, "1.108.393", MISSING) == 1108393
    with pytest.raises(BadValue):
        parse(persons, "1,5", MISSING)


def test_dates_are_german_and_real():
    assert parse(REFERENCE_DATE, "31.12.2019", MISSING) == date(2019, 12, 31)
    for text in ("31.02.2019", "2019-12-31", "12/31/2019"):
        with pytest.raises(BadValue) as caught:
            parse(REFERENCE_DATE, text, MISSING)
        assert text not in caught.value.message


def test_code_lists_translate_and_refuse_other_words():
    assert parse(SEX, "W", MISSING) == "female"
    with pytest.raises(BadValue) as caught:
        parse(SEX, "Q", MISSING)
    assert caught.value.code == "code_list"


def test_required_and_missing():
    with pytest.raises(BadValue) as caught:
        parse(SEX, "", MISSING)
    assert caught.value.code == "required"
    assert parse(replace(SEX, required=False), "", MISSING) is None


def test_a_leading_zero_belongs_to_the_ags():
    assert parse(AGS, "05913000", MISSING) == "05913000"
    with pytest.raises(BadValue) as caught:
        parse(AGS, "5913000", MISSING)
    assert caught.value.code == "pattern"


def test_bounds():
    persons = replace(AMOUNT, type="integer", minimum=0, maximum=10)
    for text, code in (("-1", "minimum"), ("11", "maximum")):
        with pytest.raises(BadValue) as caught:
            parse(persons, text, MISSING)
        assert caught.value.code == code

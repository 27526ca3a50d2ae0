"""German values become exact Python values, or a coded reason that does not quote them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from ingest import contracts
from ingest.reading.values import BadValue, cells, parse

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


def test_a_text_has_as_many_characters_as_are_agreed_and_no_more():
    name = replace(AGS, pattern=None)
    assert name.max_length == contracts.LONGEST_TEXT  # where the contract says nothing
    assert parse(name, "ü" * name.max_length, MISSING) == "ü" * name.max_length
    with pytest.raises(BadValue) as caught:
        parse(name, "x" * 40_000, MISSING)
    assert (caught.value.code, caught.value.message) == ("length", "has more than 8000 characters")


COUNT = replace(AMOUNT, signs=True, required=False)


def refused(field, text: str) -> str:
    with pytest.raises(BadValue) as caught:
        cells(field, text, MISSING, None)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "sign"),
    [("-", "-"), ("–", "-"), ("—", "-"), ("\u2212", "-"), ("…", "..."), ("...", "..."), ("•", "."), ("·", "."),
     ("*", "*"), ("/", "/"), ("x", "x"), ("X", "x"), ("()", "()")],
)  # fmt: skip
def test_signs_are_known_however_they_are_printed(text, sign):
    assert cells(COUNT, text, MISSING, None) == [None, sign]
    assert "a sign of the official statistics" in refused(AMOUNT, text)


def test_a_printed_dash_is_zero_only_where_it_is_agreed():
    assert cells(replace(COUNT, dash_is_zero=True), "–", MISSING, None) == [0, None]
    assert cells(COUNT, "*", MISSING | {"*"}, None) == [None, None]  # the contract's own word comes first


@pytest.mark.parametrize("text", ["\u22123,5", "\u22121.234,56"])
def test_the_minus_of_mathematics_is_a_minus(text):
    assert parse(AMOUNT, text, MISSING) == parse(AMOUNT, text.replace("\u2212", "-"), MISSING) < 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(5,2)", "in brackets"),
        ("(12)", "in brackets"),
        ("–3,5", "dash where a minus"),
        ("1\u00a0107", "no-break spaces between thousands"),
        ("1\u202f107\u202f000,50", "no-break spaces between thousands"),
        ("1 107", "blanks between thousands"),
        ("1,5E+06", "exponent"),
        ("7,5-", "minus behind the number"),
        ("107.50", "thousands separator"),
        ("#DIV/0!", "the error #DIV/0!"),
        ("#nv", "the error #NV"),
        ("#####", "too narrow"),
    ],
)
def test_what_is_no_number_is_told_by_its_kind(text, said):
    assert said in refused(AMOUNT, text)


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u202f", "\u2009"])
@pytest.mark.parametrize("agreed", [" ", "\u00a0", "\u202f"])
def test_any_blank_parts_thousands_where_one_is_agreed(blank, agreed):
    spaced = replace(AMOUNT, group_char=agreed)
    assert parse(spaced, f"1{blank}107{blank}000,5", MISSING) == Decimal("1107000.5")
    with pytest.raises(BadValue, match="thousands separator"):
        parse(spaced, f"11{blank}07", MISSING)


@pytest.mark.parametrize(
    "text", ["31.12.2024 00:00:00", "31.12.2024 00:00", "31.12.2024T00:00:00.000", "31.12.2024  0:00:00"]
)
def test_midnight_is_no_time(text):
    assert parse(REFERENCE_DATE, text, MISSING) == date(2024, 12, 31)


@pytest.mark.parametrize("text", ["31.12.2024 14:30:00", "31.12.2024 00:00:01", "31.12.2024 00:00:00+01:00"])
def test_a_time_of_day_is_named(text):
    assert "time of day" in refused(REFERENCE_DATE, text)


@pytest.mark.parametrize("text", ["31.12.0024", "31.12.9999", "01.01.1066", "01.01.2999"])
def test_years_that_nobody_means_are_refused_unless_the_contract_allows_them(text):
    assert "outside the years 1800 to 2200" in refused(REFERENCE_DATE, text)
    assert parse(REFERENCE_DATE, text, MISSING | {text}) is None if not REFERENCE_DATE.required else True
    open_ended = replace(REFERENCE_DATE, minimum=date(1, 1, 1), maximum=date(9999, 12, 31))
    assert parse(open_ended, text, MISSING)
    with pytest.raises(BadValue, match="outside"):
        parse(replace(REFERENCE_DATE, type="year"), text[-4:], MISSING)


def test_a_text_that_stands_for_an_open_end_can_be_agreed():
    end = replace(REFERENCE_DATE, required=False)
    assert parse(end, "31.12.9999", MISSING | {"31.12.9999"}) is None


def test_errors_of_spreadsheets_may_be_agreed_as_no_value():
    assert parse(replace(AMOUNT, required=False), "#NV", MISSING | {"#NV"}) is None


FLAG = replace(AMOUNT, name="flag", type="boolean", decimal_char=".", group_char="", minimum=None, maximum=None)


@pytest.mark.parametrize(("yes", "no"), [("J", "N"), ("WAHR", "falsch"), ("Ja", "NEIN"), ("true", "False"), ("1", "0")])
def test_yes_and_no_are_words_of_any_case(yes, no):
    flag = replace(FLAG, signs=False, required=False)
    assert (parse(flag, yes, MISSING), parse(flag, f" {no} ", MISSING), parse(flag, "", MISSING)) == (True, False, None)
    with pytest.raises(BadValue, match="neither yes nor no"):
        parse(flag, "x", MISSING)


def test_a_mark_and_an_empty_cell_say_yes_and_no_where_the_contract_says_so():
    marked = replace(FLAG, required=True, true_values=frozenset("xX"), false_values=frozenset({""}))
    assert [parse(marked, text, MISSING) for text in ("x", "X", "", " ")] == [True, True, False, False]
    for other in ("ja", "1", "-"):  # the words that are usual count only where none are agreed
        with pytest.raises(BadValue, match="neither yes nor no"):
            parse(marked, other, MISSING)
    assert parse(replace(marked, false_values=frozenset()), "nein", MISSING) is False


def test_a_unit_stands_on_either_side_and_a_dash_for_no_cents():
    amount = replace(AMOUNT, bare_number=False)
    for text in ("12,50 €", "EUR 12,50", "12,50 Euro", "€12,50", "12,50\u00a0EUR"):
        assert parse(amount, text, MISSING) == Decimal("12.50")
    assert [parse(amount, text, MISSING) for text in ("12,-", "1.200,-- €", "-5,– EUR")] == [12, 1200, -5]
    for field in (AMOUNT, replace(AMOUNT, trailing_minus=True)):  # no minus stands behind it
        with pytest.raises(BadValue, match="is not a number"):
            parse(field, "12,-", MISSING)


def test_words_of_a_list_are_told_whatever_their_letters_are_made_of():
    town = replace(AGS, pattern=None, enum=frozenset({"Münster"}))
    assert parse(town, "Mu\u0308nster", MISSING) == "Münster"
    assert parse(replace(SEX, mapping={"Männlich": "male"}), "Ma\u0308nnlich", MISSING) == "male"

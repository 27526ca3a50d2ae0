"""Numbers in captions are read in German and in English."""

from fractions import Fraction

import pytest

from disclosure import numbers_in_text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1.234 Personen", {Fraction("1234"), Fraction("1.234")}),
        ("1,234,567.89 EUR", {Fraction("1234567.89")}),
        ("1.234.567,89 EUR", {Fraction("1234567.89")}),
        ("gerundet auf 5. Dann 3,4 %", {Fraction(5), Fraction("3.4")}),
        ("12 345", {Fraction(12), Fraction(345), Fraction(12345)}),
        ("no number", set()),
    ],
)
def test_a_number_is_read_in_each_way_that_it_can_be_written(text, read):
    assert numbers_in_text.numbers(text) == read


@pytest.mark.parametrize(("number", "half"), [("5", "0.5"), ("109.09", "0.005"), ("3.4", "0.05")])
def test_half_of_the_last_digit(number, half):
    assert numbers_in_text.half_digit(Fraction(number)) == Fraction(half)

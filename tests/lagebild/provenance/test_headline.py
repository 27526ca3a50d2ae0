"""The figures that `make run` ends with."""

import re

from lagebild.provenance import headline


def test_the_state_and_its_cities_with_most_eu2_citizens_come_first(published_warehouse):
    told = [line for line in headline.lines(published_warehouse) if re.search(r"\d{4}: [\d,]+ EU2 citizens", line)]
    assert [(line.split(" 31.")[0], int(re.search(r": ([\d,]+)", line)[1].replace(",", ""))) for line in told] == [
        ("Nordrhein-Westfalen", 276235), ("Duisburg", 26575), ("Köln", 14905), ("Dortmund", 13420),
        ("Gelsenkirchen", 11580),
    ]  # fmt: skip

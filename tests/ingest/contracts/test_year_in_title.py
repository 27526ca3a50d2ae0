"""A table may name its year in the header alone: it must be that of the file's name."""

from ingest import contracts

SOURCE = "ldb_22811_01i"


def test_the_year_of_the_header_is_that_of_the_period():
    contract = contracts.load(SOURCE)
    header = ["", "", "Jahr / 2023"]
    layout = contract.layout_for(header, "2023")
    assert layout.titles == header and [field.name for field in layout.fields][-1] == "rate_pct"
    assert contract.layout_for(header, "2024") is None
    assert contract.layout_for(header, None).titles == header  # asked for no period in particular
    message, _ = contract.header_refusal(header, "2024")
    assert "Jahr / 2024" in str(message) and "Jahr / 2023" in str(message)


def test_titles_without_a_year_stay_as_they_are():
    contract = contracts.load("ldb_22811_05i")
    (layout,) = contract.layouts_in("2031")
    assert layout.fields == contract.fields

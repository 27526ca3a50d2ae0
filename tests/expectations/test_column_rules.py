"""Rules on columns, as YAML says them, judge each delivery, stand in the pages of checks, and hold what breaks them."""

import pytest
import yaml

from expectations import docs
from lagebild.review import pending
from lagebild.warehouse.migrate import migrate
from tests.contract_files import descriptor, fields, write
from tests.ingest.support import command, deliver_register, person
from tests.support import deliver, query

HEADER = "Einzug;Auszug;Staatsangehörigkeit;Zahl;Offen"


def rule(name: str, column: str, **said) -> dict:
    """A rule that holds a delivery, with an owner of its own."""
    return {
        "name": name, "column": column, "metric": "invalidValues", "severity": "hold", "owner": f"owner of {name}",
        "description": f"The reason of {name}.", **said,
    }  # fmt: skip


RULES = [
    rule("codes", "nationality_code", arguments={"validValues": ["125", "154"]}),
    rule("form", "nationality_code", arguments={"pattern": "[0-9]{3}|x"}),
    rule("days", "moved_in_on", arguments={"minimum": "2020-01-01", "maximum": "2024-12-31"}),
    rule("size", "persons", arguments={"minimum": 0.5, "maximum": 10}, severity="warn"),
    rule("gone", "moved_out_on", metric="nullValues", mustBeLessOrEqualTo=50, unit="percent"),
    rule("open", "is_open", arguments={"validValues": [True]}),
    rule("both", "nationality_code", arguments={"validValues": ["125", "154", "1540", "12"], "pattern": "[0-9]{2,3}"}),
]
GOOD = ["01.01.2020;02.01.2020;125;1;ja", "31.12.2024;;154;10;ja"]
BREAKS = {
    "rule.codes": "01.02.2021;02.02.2021;x;1;ja",
    "rule.form": "02.02.2021;03.02.2021;1540;1;ja",
    "rule.days": "31.12.2019;02.02.2021;125;1;ja",
    "rule.size": "03.02.2021;04.02.2021;125;0,25;ja",
    "rule.gone": "04.02.2021;;125;1;ja",
    "rule.open": "05.02.2021;06.02.2021;125;1;nein",
    "rule.both.pattern": "07.02.2021;08.02.2021;1540;1;ja",
    "rule.both.values": "08.02.2021;09.02.2021;x;1;ja",
}
"""A line that breaks a rule, beside the good ones."""


@pytest.fixture
def city(warehouse, monkeypatch):
    """A city with a source of its own that has rules, and with rules of its own on the product's register."""
    monkeypatch.setenv("LAGEBILD_CONFIG_DIR", str(warehouse.config))
    made = descriptor(quality=RULES)
    told = made["resources"][0]["schema"]["fields"]
    told.append({"name": "persons", "title": "Zahl", "description": "Number.", "type": "number", "decimalChar": ","})
    told.append({"name": "is_open", "title": "Offen", "description": "Whether.", "type": "boolean"})
    fields(made)["nationality_code"]["constraints"] = {"required": True}
    (warehouse.config / "sources").mkdir(parents=True)
    write(warehouse.config / "sources", made)
    own = [
        rule("nationality_known", "nationality_code", arguments={"validValues": ["154"]}),
        rule("home", "person_pseudonym", metric="nullValues", severity="warn"),
    ]
    (warehouse.config / "contracts").mkdir()
    (warehouse.config / "contracts" / "register.yml").write_text(yaml.safe_dump({"quality": own}), encoding="utf-8")
    migrate(warehouse)
    return warehouse


def test_each_kind_of_rule_fails_on_what_breaks_it_and_on_nothing_else(city, tmp_path):
    def judged(year: int, *lines: str) -> dict[str, tuple]:
        file = "\n".join([HEADER, *lines, ""])
        delivery = deliver(city, "moves", file.encode(), f"moves_{year}.csv")
        assert delivery.loaded == len(lines), delivery
        pending.check_pending(city)
        rows = query(
            city,
            "select expectation, passed, severity, owner, why, failing_rows, observed, expected from quality.verdict"
            " where delivery_id = %s and expectation like 'rule.%%'",
            delivery.delivery_id,
        )
        return {name: tuple(rest) for name, *rest in rows}

    good = judged(2020, *GOOD)
    assert set(good) == {*BREAKS, "rule.size"} and all(passed for passed, *_ in good.values())
    assert good["rule.gone"][-1] == "moved_out_on is not empty, in at least 50 % of the rows"
    bad = judged(2021, *GOOD, *BREAKS.values())
    lines = {name: [n] for n, name in enumerate(BREAKS, 4)}
    failed = {name: found[4] for name, found in bad.items() if not found[0]}
    assert failed["rule.codes"] == [4, 5, 10, 11] and failed["rule.form"] == [5, 10]
    assert failed["rule.days"] == lines["rule.days"] and failed["rule.open"] == lines["rule.open"]
    assert failed["rule.size"] == lines["rule.size"] and "rule.gone" not in failed  # 2 of 10 are empty
    assert failed["rule.both.pattern"] == [4, 5, 10, 11] and failed["rule.both.values"] == [4, 11]
    assert bad["rule.size"][1:4] == ("warn", "owner of size", "The reason of size.")
    assert not judged(2022, *GOOD[1:], BREAKS["rule.gone"])["rule.gone"][0]
    held = command(city, "held").output
    assert "rule.codes" in held and "The reason of codes." in held and "owner of codes" in held
    # Of persons there is neither a value nor an exact count.
    deliver_register(city, person("p1"), person("p2").replace(";154;", ";125;"), person("p3").replace(";154;", ";163;"))
    pending.check_pending(city)
    ((passed, observed, expected),) = query(
        city, "select passed, observed, expected from quality.verdict where expectation = 'rule.nationality_known'"
    )
    assert (passed, expected) == (False, "nationality_code is one of 154")
    assert observed == "fewer than 3 of about 5 rows"
    assert query(city, "select passed from quality.verdict where expectation = 'rule.home'") == [(True,)]
    pages = [page.read_text() for page in docs.write(city, tmp_path / "pages").parent.glob("check-*.html")]
    page = next(page for page in pages if "rule.nationality_known" in page)
    assert "hold; ask owner of nationality_known" in page and "The reason of nationality_known." in page

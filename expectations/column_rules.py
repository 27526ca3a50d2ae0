"""Rules on columns that stand in a contract, or in a city's own configuration, as expectations of the source's suite.

Who states a rule writes YAML (`ingest/contracts/quality.py`), and no Python. In the verdicts its name follows `rule.`,
so that it never meets that of an expectation of the suite's own.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

from expectations.suite import Expectation, expect
from ingest import contracts
from ingest.contracts import own_layouts, quality
from ingest.contracts.quality import Rule


def expectations(config: Path, source: str) -> list[Expectation]:
    """What the contract of a source and a city say of its columns; UserError where the city's file is wrong."""
    if source not in contracts.sources():
        return []
    contract = contracts.load(source)
    return [made for rule in (*contract.quality, *own_layouts.quality(config, contract)) for made in _of(rule)]


def _of(rule: Rule) -> list[Expectation]:
    """One expectation for each thing that a rule says."""
    said = _said(rule)
    suffixes = [f".{word}" for word, _, _ in said] if len(said) > 1 else [""]
    return [
        expect(
            f"rule.{rule.name}{suffix}",
            kind,
            why=rule.description,
            expected=f"{rule.column} {rule.expected}",
            severity=rule.severity,
            owner=rule.owner,
            column=rule.column,
            mostly=float((100 - rule.most_pct) / Decimal(100)),
            **arguments,
        )
        for suffix, (_, kind, arguments) in zip(suffixes, said, strict=True)
    ]


def _said(rule: Rule) -> list[tuple[str, str, dict[str, Any]]]:
    """What a rule says, each by a word, as the class of Great Expectations and its arguments."""
    told = rule.arguments
    if rule.metric == quality.NULL:
        return [("null", "ExpectColumnValuesToNotBeNull", {})]
    found: list[tuple[str, str, dict[str, Any]]] = []
    if "validValues" in told:
        found.append(("values", "ExpectColumnValuesToBeInSet", {"value_set": list(told["validValues"])}))
    if "pattern" in told:  # the whole text has to match, as in Data Package; PostgreSQL looks for a part
        found.append(("pattern", "ExpectColumnValuesToMatchRegex", {"regex": f"^(?:{told['pattern']})$"}))
    if {"minimum", "maximum"} & set(told):
        bounds = {"min_value": told.get("minimum"), "max_value": told.get("maximum")}
        found.append(("range", "ExpectColumnValuesToBeBetween", bounds))
    return found

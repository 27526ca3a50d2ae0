"""What holds of every delivery of a source that a city describes itself (`ingest/contracts/own_sources.py`).

A suite with expectations of its own is code, and code of a city is not run from its configuration; what its contract
says of columns is data (`column_rules.py`).
"""

from types import SimpleNamespace

from expectations.history import as_usual, in_its_time
from expectations.suite import arrived_whole
from ingest.contracts import Contract


def suite(contract: Contract) -> SimpleNamespace:
    """The suite of a city's own source, with the names that a module of a source has."""
    return SimpleNamespace(
        __name__=__name__,
        TABLE=f"raw.{contract.table}",
        PERSONAL=contract.has_personal_fields,
        OWNER=contract.owner,
        STATISTICS={},
        expectations=lambda delivery: [
            *arrived_whole(delivery, contract.owner),
            *as_usual(delivery, {}, contract.owner),
            *in_its_time(delivery, contract.owner),
        ],
    )

"""esf_nrw: operations of the European Social Fund, as North Rhine-Westphalia's list has them."""

from expectations.esf import OWNER, PERSONAL, STATISTICS, list_of_operations
from expectations.suite import Delivery, Expectation

__all__ = ["OWNER", "PERSONAL", "STATISTICS", "TABLE", "expectations"]
TABLE = "raw.esf_nrw__operation"


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `esf_nrw` is accepted."""
    return list_of_operations(delivery)

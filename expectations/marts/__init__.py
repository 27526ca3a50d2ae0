"""What must hold of the candidate marts of a build, before they are published."""

from expectations.marts.rules import OWNER
from expectations.marts.suites import places, rests_on, suites

__all__ = ["OWNER", "places", "rests_on", "suites"]

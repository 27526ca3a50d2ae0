"""Our side of the bench, in a process of its own: everything that lies in the register's drop folder into raw.

python -m tests.bench.job [--accept]
"""

import sys

from ingest.deliveries import delivery_ledger
from lagebild.core import settings
from tests.inboxes import drain


def main() -> None:
    own = settings.load()
    for delivery in drain(own, "register"):
        if "--accept" in sys.argv:
            delivery = delivery_ledger.decide(own, delivery.delivery_id, [])
        print(f"{delivery.state} {delivery.records} {delivery.loaded} {delivery.rejected} {delivery.reason or ''}")


if __name__ == "__main__":
    main()

"""Our side of the bench, in a process of its own: everything that lies in the register's drop folder into raw.

python -m tests.bench.job
"""

from ingest.load import drain
from lagebild import settings


def main() -> None:
    for delivery in drain(settings.load(), "register"):
        print(f"{delivery.state} {delivery.records} {delivery.loaded} {delivery.rejected} {delivery.reason or ''}")


if __name__ == "__main__":
    main()

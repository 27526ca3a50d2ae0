"""A warehouse without Airflow: PostgreSQL alone, migrated, with the keys that the bundled deliveries need.

Run as text by the Python of the checkout that is measured (`python -c`), so it may ask for nothing that only this one
has. Prints the bundled deliveries, one a line.
"""

from ingest import contracts
from lagebild.core import settings
from lagebild.local import postgres, run
from lagebild.warehouse.migrate import migrate

own = settings.load()
for folder in (own.landing, own.extracts, *(own.drop / source for source in contracts.sources())):
    folder.mkdir(parents=True, exist_ok=True)
own.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
postgres.start(own)
migrate(own)
run.make_demo_keys(own)
print(*run.bundled_files(), sep="\n")

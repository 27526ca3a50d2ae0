#!/usr/bin/env bash
# pandas 3.1.1 with SQLAlchemy 2.1.9. `read_sql` gives a column of type DATE as Python's dates (dtype object), so that
# `.dt`-free comparisons with a date work. One would guess that `dtype_backend="numpy_nullable"` or `"pyarrow"`, which
# are there to keep types and NULLs, makes it a date or leaves it. Seen: with either it becomes text ("2024-12-31"),
# without a warning; a comparison with a date is then false for every row or an error. `DataFrame.convert_dtypes`, which
# takes the same argument, leaves such a column as it is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 SQLAlchemy==2.1.9 pyarrow
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from datetime import date

import pandas as pd
import sqlalchemy as sa

counts = sa.Table("counts", meta := sa.MetaData(), sa.Column("day", sa.Date), sa.Column("persons", sa.Integer))
with sa.create_engine("sqlite://").begin() as connection:
    meta.create_all(connection)
    connection.execute(sa.insert(counts), [{"day": date(2024, 12, 31), "persons": 5}, {"day": None, "persons": 6}])
    plain = pd.read_sql(sa.select(counts), connection)
    print("none", type(plain["day"][0]).__name__, (plain["day"] == date(2024, 12, 31)).sum())
    for backend in ("numpy_nullable", "pyarrow"):
        frame = pd.read_sql(sa.select(counts), connection, dtype_backend=backend)
        print(backend, type(frame["day"][0]).__name__, type(plain.convert_dtypes(dtype_backend=backend)["day"][0]).__name__)
PYTHON
)
echo "pandas 3.1.1, type of a date by dtype_backend (read_sql; then convert_dtypes of the same frame):"
echo "$seen"
[ "$seen" = "none date 1
numpy_nullable str date
pyarrow str date" ] || { echo "this has changed"; exit 1; }

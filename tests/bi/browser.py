"""Open every dashboard as a reader does, in Debian's Chromium: `make bi-test`; the stack and `make bi` must run.

    python -m tests.bi.browser [FOLDER]      screenshots go there; by default .lagebild/bi/screenshots

Fails on a chart's error, an error on the console, a request to another host, a serious fault of accessibility in what
is ours (axe-core), and where a number on the screen is not the one in `marts`. Playwright has an environment of its own
(bi/requirements-test.txt): the page is driven by `tests/bi/pages.py` in it.

Exit codes: 0 all as it should be, 1 not so, 2 it could not look.
"""

import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from lagebild import bootstrap
from lagebild.core import database
from lagebild.core.settings import ROOT, load
from lagebild.local import bi, bi_bundle, bi_datasets
from tests.bi import chart_data

REQUIREMENTS = ROOT / "bi" / "requirements-test.txt"
NUMBERS = {
    "kosten": (
        ("select cost_per_person_rounded_eur from marts.cost_per_person", 0),
        ("select published_cost_per_person_eur from marts.cost_per_person", 2),
        ("select total_cost_eur from marts.cost_per_person", 2),
        ("select excluded_cost_eur from marts.cost_per_person", 2),
    ),
    "lage": (
        ("select eu2_persons from marts.eu2_population where region_code = '05111000' and reference_date ="
         " (select max(reference_date) from marts.eu2_population where region_code = '05111000')", 0),
        ("select eu2_persons from marts.eu2_population where region_code = '05162' and reference_date ="
         " (select max(reference_date) from marts.eu2_population where region_code = '05162')", 0),
    ),
    "foerderung": (
        ("select amount_eur from marts.programme_funding where amount_eur is not null order by amount_eur limit 1", 2),
        ("select courses from marts.integration_course where courses is not null limit 1", 0),
    ),
    "datenlage": (
        ("select row_count from (select sum(row_count) as row_count from marts.publication_content c"
         " join marts.publication p using (publication_id) where p.is_current) as one", 0),
        ("select count(*) from marts.publication_content c join marts.publication p using (publication_id)"
         " where p.is_current", 0),
    ),
}  # fmt: skip
"""Ten numbers that stand on the screen, and their decimals."""


def python(folder: Path) -> Path:
    """The interpreter with Playwright; made where it is missing."""
    found = folder / "test" / "bin" / "python"
    stamp = folder / "test" / "stamp"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        uv = bootstrap.find_uv() or bootstrap.fetch_uv()
        shutil.rmtree(folder / "test", ignore_errors=True)
        subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(folder / "test")], check=True)
        command = [*uv, "pip", "install", "-q", "--require-hashes", "--python", str(found), "-r", str(REQUIREMENTS)]
        subprocess.run(command, check=True)
        stamp.write_text(REQUIREMENTS.read_text())
    return found


def forms(value: Decimal | int, decimals: int, language: str) -> list[str]:
    """How a number may stand on the page: by Superset in the reader's language, or in a tile."""
    english = f"{value:,.{decimals}f}"
    local = english.translate(str.maketrans(",.", ".,")) if language == "de" else english
    return [local, english.replace(",", " ")]


def main(arguments: list[str]) -> int:
    settings = load()
    chromium = shutil.which("chromium")
    address = bi.Superset(settings).url
    if not chromium or not address:
        print("it could not look: " + ("make bi first" if chromium else "apt install chromium"), file=sys.stderr)
        return 2
    folder = bi.SERVER.folder(settings)
    shots = Path(arguments[0]) if arguments else folder / "screenshots"
    wanted = []
    with database.connect(settings, database.BI_READER) as connection:
        for name in bi_bundle.definitions():
            values = [(connection.execute(query).fetchone()[0], decimals) for query, decimals in NUMBERS[name]]
            for language in bi_datasets.LANGUAGES:
                numbers = [forms(value, decimals, language) for value, decimals in values]
                wanted.append({"slug": f"{name}-{language}", "language": language, "numbers": numbers})
        faults = chart_data.faults(address, settings.secret("superset_admin"), connection)
    print(f"charts whose data is not that of marts: {faults or 'none'}")
    task = {"address": address, "chromium": chromium, "user": bi.VIEWER, "shots": str(shots), "pages": wanted}
    environment = {**os.environ, "BI_PASSWORD": settings.secret("superset_viewer")}
    command = [str(python(folder)), str(Path(__file__).with_name("pages.py"))]
    done = subprocess.run(command, input=json.dumps(task), text=True, env=environment, check=False)
    return 1 if faults or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

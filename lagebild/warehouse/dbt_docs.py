"""dbt's documentation as one page: all models, columns, tests and their lineage, without a web server."""

import shutil
import subprocess
import sys
from pathlib import Path

from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse.build import dbt_environment


def write(settings: Settings, target: Path) -> Path:
    """Write the page to `target` from the dbt project and the warehouse's catalog; UserError says what dbt said.

    The page contains its scripts and data: it opens from the file and loads nothing from the internet.
    """
    state = settings.home / "dbt" / "docs"
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "docs", "generate", "--static"]
    # A separate folder: a publication reads the manifest of its build in the other one.
    environment = dbt_environment(settings) | {"DBT_TARGET_PATH": str(state)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        raise UserError(
            f"dbt could not write its page\n{(result.stdout + result.stderr)[-2000:]}",
            remedy=f"make up starts the server; the whole output is in {settings.home / 'dbt' / 'logs' / 'dbt.log'}",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(state / "static_index.html", target)
    return target

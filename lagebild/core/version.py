"""The version of the code that made a figure."""

import hashlib
from functools import cache
from importlib.metadata import version

from lagebild.core.settings import DBT_PROJECT

_NOT_CODE = {"target", "logs", "dbt_packages"}


@cache
def code_version() -> str:
    """The release, and a digest of everything in `dbt_project/` that affects a figure."""
    return f"{version('lagebild')}+{project_digest()[:12]}"


def project_digest() -> str:
    """Hexadecimal SHA-256 of the models, seeds and their descriptions as stored on disk."""
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT.rglob("*")):
        relative = path.relative_to(DBT_PROJECT)
        if path.is_file() and path.suffix in (".sql", ".yml", ".csv") and not _NOT_CODE & set(relative.parts):
            digest.update(f"{relative}\0".encode() + path.read_bytes())
    return digest.hexdigest()

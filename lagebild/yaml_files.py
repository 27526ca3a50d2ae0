"""YAML files, read by libyaml where it is there: ten times as fast as in Python."""

from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Any:
    """What a YAML file holds; None where it is empty."""
    return yaml.load(path.read_text(encoding="utf-8"), LOADER)

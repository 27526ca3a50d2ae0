"""Small files of state that are written whole: whoever reads meanwhile finds the former text, not half of this one."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Put `text` in place of what the file held; for its owner's eyes only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)

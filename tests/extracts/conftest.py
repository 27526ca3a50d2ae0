"""What all tests of releases share."""

import pytest

from extracts import signs


@pytest.fixture(autouse=True)
def _reason_confidential_has_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-in, as long as the seed `reason` gives no reason a status."""
    if not signs._reasons():
        monkeypatch.setattr(signs, "_reasons", lambda: {"confidential": "confidential"})

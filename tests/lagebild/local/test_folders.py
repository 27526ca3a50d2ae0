"""What the stack makes is its user's alone; a whole first run is looked through by the end-to-end test."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lagebild.core.settings import Settings
from lagebild.local import commands
from tests.conftest import settings_in


class Told:
    """A board that keeps what it is told."""

    def __init__(self):
        self.lines: list[str] = []
        self.say = self.warn = self.lines.append


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def settings(tmp_path) -> Settings:
    before = os.umask(0o022)  # as most users have it
    yield settings_in(tmp_path / "home")
    os.umask(before)


def test_folders_are_closed_whatever_the_umask_is(settings):
    settings.make_home()
    board = Told()
    commands._make_folders(settings, board)
    made = [settings.drop, settings.landing, settings.keys, settings.extracts, settings.config]
    assert {mode(path) for path in (*made, *settings.drop.iterdir())} == {0o700} and board.lines == []
    assert len(list(settings.drop.iterdir())) > 10
    assert mode(settings.home) == (0o711 if os.geteuid() == 0 else 0o700)  # the server's user passes through


def test_what_an_earlier_version_left_open_is_closed_and_the_drop_folder_told(settings):
    logs = settings.home / "airflow" / "logs"
    for folder in (settings.drop, settings.landing, logs):
        folder.mkdir(parents=True)
    board = Told()
    commands._make_folders(settings, board)
    assert (mode(settings.landing), mode(logs), mode(settings.drop)) == (0o700, 0o700, 0o755)
    said = "\n".join(board.lines)
    assert f"{settings.landing} was open" in said and f"{settings.drop} is open to every user" in said


def test_what_a_command_writes_is_closed():
    code = "import os, sys; sys.argv = ['lagebild', '--version']\nfrom lagebild.cli.__main__ import main\n"
    code += "try:\n    main()\n"
    code += "finally:\n    print(f'{os.umask(0):o}')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1] == "77"

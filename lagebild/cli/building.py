"""`lagebild publication build`: a build in this process, with a progress board."""

import contextlib
import io
from collections.abc import Callable, Generator

from lagebild.core import boards
from lagebild.core.progress import Board
from lagebild.core.settings import Settings
from lagebild.core.stages import Stage
from lagebild.warehouse import build as builds
from lagebild.warehouse.steps import Layers, Step


def watched(settings: Settings, publishes: bool | None = None) -> int | None:
    """Run a whole build; the new publication's id, None if there is none. Single steps are shown with `-v`."""
    with boards.board() as board, board.stage("build") as stage:
        layers = Layers()

        def say(line: str) -> None:
            for told in layers.taken():  # of the build that the line is about; what follows is another one
                board.say(f"  {told}")
            board.say(line)

        with contextlib.redirect_stdout(_Lines(board.detail)):
            try:
                publication_id = builds.run(settings, say, _teller(board, stage, layers), publishes)
            finally:
                for line in layers.taken():
                    board.say(f"  {line}")
        if publication_id is not None:
            stage.result = "checked and published"
        else:
            stage.result = "nothing new" if builds.waiting(settings) is None else "checked, waits for approval"
        return publication_id


@contextlib.contextmanager
def steps_shown(name: str) -> Generator[Callable[[Step], None]]:
    """A board with one stage; what to call for each finished step of dbt."""
    with boards.board() as board, board.stage(name) as stage, contextlib.redirect_stdout(_Lines(board.detail)):
        layers = Layers()
        try:
            yield _teller(board, stage, layers)
        finally:
            for line in layers.taken():
                board.say(f"  {line}")
        stage.result = "built"


def _teller(board: Board, stage: Stage, layers: Layers) -> Callable[[Step], None]:
    def tell(step: Step) -> None:
        layers.add(step)
        stage.doing, stage.part = f"{step.layer} {step.name}", (step.done, step.total)
        (board.warn if step.is_bad else board.detail)(str(step))

    return tell


class _Lines(io.TextIOBase):
    """A stream that passes on whole lines."""

    def __init__(self, tell: Callable[[str], None]):
        self._tell, self._rest = tell, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(line)
        return len(text)

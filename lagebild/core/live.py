"""The live part of a board: running work, redrawn at the bottom of a terminal."""

from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lagebild.core.stages import NAME_WIDTH, Stage, spent


class Screen:
    """Draws what `state` returns (rows, then stages) four times a second."""

    def __init__(self, console: Console, state: Callable[[], tuple[list[str], list[Stage]]]):
        self._state = state
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._drawn)

    def start(self) -> None:
        self._live.start()

    def stop(self) -> None:
        self._live.stop()

    def _drawn(self) -> Group:
        rows, stages = self._state()
        table = Table.grid(padding=(0, 1))
        for stage in stages:
            table.add_row(self._spinner, *_cells(stage))
        return Group(*(Text(row, no_wrap=True, overflow="ellipsis") for row in rows), table)


def _cells(stage: Stage) -> tuple[Text, Text, ProgressBar | Text, Text]:
    name = Text(f"{stage.name:<{NAME_WIDTH}}" if stage.name else "", style="bold")
    doing = Text(stage.doing or "under way", no_wrap=True, overflow="ellipsis")
    if not stage.part:
        return name, doing, Text(""), Text(spent(stage.seconds), style="dim")
    done, total = stage.part
    doing.append(f"  {done} of {total}" if total < 1000 else f"  {100 * done // total} %")
    return (
        name,
        doing,
        ProgressBar(total=total, completed=done, width=24, complete_style="cyan", finished_style="cyan"),
        Text(spent(stage.seconds), style="dim"),
    )

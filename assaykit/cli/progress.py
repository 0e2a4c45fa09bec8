"""A progress bar per assay, on the error stream, so that the output can still be piped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class Bars:
    """One bar per stage; `advance(stage, done, total)` makes it on first call."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def advance(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` wells of a stage are measured."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done)

    def tell(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        self._progress.console.print(sentence)

    def say(self, stage: str) -> None:
        """Show a stage that has no count."""
        self._progress.add_task(stage, total=None)


@contextmanager
def bars(console: Console) -> Iterator[Bars]:
    """While open, show progress on `console`."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<24}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=False) as progress:
        yield Bars(progress)

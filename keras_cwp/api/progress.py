"""What a caller sees while something runs: notes and a bar on a console, or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[int, int], None]


def or_silent(console: Console | None) -> Console:
    """The console, or one that prints nothing."""
    from rich.console import Console

    return Console(quiet=True) if console is None else console


def notes_to(console: Console | None) -> Callable[[str], None]:
    """A function that prints a line beginning with `note:`."""
    shown = or_silent(console)
    return lambda line: shown.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def progress_bar(console: Console | None, what: str) -> Iterator[Progress]:
    """A function (done, total) that draws a bar on a terminal or in a notebook, and nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = or_silent(console)
    hidden = shown.quiet or not (shown.is_terminal or shown.is_jupyter)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True, disable=hidden) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""Training's progress: one line an epoch that stays, and a bar on a terminal or in a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


def say(console: Console) -> Callable[[str], None]:
    """A function that prints a line as it is; rich would read [brackets] as markup."""
    return lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)


def shows_bars(console: Console) -> bool:
    """Whether a bar can move there: on a terminal or in a notebook."""
    return not console.quiet and (console.is_terminal or console.is_jupyter)


def time_left(seconds: float) -> str:
    """`41 s left`, `12 min left`, `1 h 05 min left`."""
    minutes = round(seconds / 60)
    if seconds < 99:
        return f"{seconds:.0f} s left"
    return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min left"


class TrainingProgress(keras.callbacks.Callback):
    """Shows how far a training is.

    Args:
        title: what a line begins with where several trainings are shown, for example `fold 2/5`.
        epochs, steps: epochs in all, and batches in each.
        first: epochs that were done before this process.
    """

    def __init__(self, console: Console, title: str, epochs: int, steps: int, first: int = 0) -> None:
        super().__init__()
        self.say = say(console)
        self.title = title
        self.epochs = epochs
        self.first = first
        self.best = -np.inf
        self.began = 0.0
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            console=console,
            transient=True,
            disable=not shows_bars(console),
        )
        self.task = self.bar.add_task("compiling the training step …", total=steps)

    def on_train_begin(self, logs: Any = None) -> None:
        if self.bar.disable:
            self.say("compiling the training step …")
        self.bar.start()
        self.began = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.bar.update(self.task, completed=0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.update(self.task, advance=1, description=self.title)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        parts = [f"{self.title}  epoch {epoch + 1}/{self.epochs}", f"loss {logs['loss']:.3f}"]
        if "val_loss" in logs:
            parts += [f"val loss {logs['val_loss']:.3f}", f"val AUC {logs['val_auc']:.3f}{self._star(logs['val_auc'])}"]
        left = self.epochs - epoch - 1
        if left:
            parts.append(time_left(left * (time.monotonic() - self.began) / (epoch + 1 - self.first)))
        self.say(" · ".join(parts))

    def on_train_end(self, logs: Any = None) -> None:
        self.bar.stop()

    def _star(self, auc: float) -> str:
        if not auc > self.best:
            return ""
        self.best = auc
        return " ★ best"

"""Training's progress: a bar on a terminal, one line an epoch elsewhere."""

from __future__ import annotations

from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingProgress(keras.callbacks.Callback):
    """Shows how far a training is.

    Args:
        title: what stands before each line, for example `fold 2/5`.
        epochs, steps: epochs in all, and batches in each.
        first: epochs that were done before this process.
    """

    def __init__(self, console: Console, title: str, epochs: int, steps: int, first: int = 0) -> None:
        super().__init__()
        self.console = console
        self.title = title
        self.epochs = epochs
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=epochs * steps, completed=first * steps, figures="")

    def on_train_begin(self, logs: Any = None) -> None:
        self.bar.start()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        figures = f"loss {logs['loss']:.3f}"
        if "val_loss" in logs:
            figures += f"  val loss {logs['val_loss']:.3f}  val AUC {logs['val_auc']:.3f}"
        self.bar.update(self.task, figures=figures)
        if not self.console.is_terminal:
            self.console.print(f"{self.title}  epoch {epoch + 1}/{self.epochs}  {figures}", soft_wrap=True)

    def on_train_end(self, logs: Any = None) -> None:
        self.bar.stop()

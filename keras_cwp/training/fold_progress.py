"""How far all folds are: folds × epochs with the time left on a terminal, one line a fold elsewhere.

It reads the histories that trainings leave after each epoch, so it need not know which process trains which fold.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from keras_cwp.config import Config
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.training.chosen import Chosen
from keras_cwp.training.ensemble_note import Ensemble
from keras_cwp.training.fold import FoldJob, fold_scores
from keras_cwp.training.progress import say, shows_bars

_LOOK_EVERY_S = 1.0
_WINDOW_S = 1e9  # the speed is that of all epochs since the start: they come too seldom for a shorter window


class FoldProgress:
    """A context in which `done` is called once a fold.

    Args:
        jobs: all folds, those that an earlier run finished too; of one run, or of several.
    """

    def __init__(self, console: Console, jobs: Sequence[FoldJob]) -> None:
        self.console = console
        self.jobs = jobs
        self.runs = len({job.run for job in jobs})
        self.began = time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not shows_bars(console),
            speed_estimate_period=_WINDOW_S,
        )
        total = sum(fold_epochs(job.config) for job in jobs)
        self.task = self.bar.add_task(self._title(), total=total, completed=self._epochs_done())
        self._end = threading.Event()
        self._watch = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> FoldProgress:
        self.bar.start()
        if shows_bars(self.console):
            self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._watch.is_alive():
            self._watch.join()
        self.bar.stop()

    def done(self, job: FoldJob) -> None:
        """Say that a fold is finished, and what it found."""
        scores, _ = fold_scores(job)
        run = f"{job.run.name} " if self.runs > 1 else ""
        for note in (Chosen.read(job.folder), Ensemble.read(job.folder)):
            if note is not None:
                say(self.console)(f"{run}fold {job.fold}  {note.sentence}")
        patients, area = len(np.unique(scores.patient_id)), macro_auc(scores.label, scores.probabilities)
        self.console.print(
            f"{run}fold {job.fold}/{len(self.jobs) // self.runs}  done: {len(scores)} ROIs of {patients} patients "
            f"scored, macro AUC {area:.3f}, {(time.monotonic() - self.began) / 60:.1f} min since the start",
            soft_wrap=True,
        )
        self._show()

    def _follow(self) -> None:
        while not self._end.wait(_LOOK_EVERY_S):
            self._show()

    def _show(self) -> None:
        self.bar.update(self.task, completed=self._epochs_done(), description=self._title())

    def _title(self) -> str:
        return f"{sum(job.done for job in self.jobs)}/{len(self.jobs)} folds"

    def _epochs_done(self) -> int:
        return sum(fold_epochs(job.config) if job.done else _epochs_recorded(job) for job in self.jobs)


def fold_epochs(config: Config) -> int:
    """Epochs that a fold takes at most; nested, those of all inner networks and of the fold's own."""
    if config.train.mode == "probe":
        return 1
    if config.split.inner is None:
        return config.train.epochs
    tried = config.search.trials if config.search.space else max(len(config.candidates), 1)
    return config.train.epochs * (config.split.inner * tried + 1)


def _epochs_recorded(job: FoldJob) -> int:
    lines = sum(len(path.read_bytes().splitlines()) - 1 for path in job.folder.rglob("history.csv"))
    return min(lines, fold_epochs(job.config))

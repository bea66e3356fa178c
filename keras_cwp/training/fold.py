"""One fold of a cross-validation as a job of its own: it needs no other fold, and leaves its results in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from rich.console import Console

from keras_cwp.config import Config
from keras_cwp.data.fold_plan import fold_seed
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import RunError
from keras_cwp.models.forward import forward
from keras_cwp.scores import Scores
from keras_cwp.training.inference import as_scores, predict_probabilities
from keras_cwp.training.likeness import keep_likeness
from keras_cwp.training.nested import train_nested
from keras_cwp.training.network import train_network
from keras_cwp.training.run import fold_folder
from keras_cwp.training.teacher import with_teacher_of

_SCORES, _VALIDATION = "scores.csv", "validation_scores.csv"


@dataclass(frozen=True, eq=False)
class FoldJob:
    """What a process, here or on another machine, needs to train and score one fold.

    Args:
        data: folder of the prepared data set.
        data_hash: of its content; another is refused.
        run: the RUN folder.
        fold: from 1 on.
        parts: str [rois]; train, validation or test.
    """

    data: Path
    data_hash: str
    config: Config
    run: Path
    fold: int
    parts: np.ndarray

    @property
    def folder(self) -> Path:
        """Where the fold's network, history and scores go."""
        return fold_folder(self.run, self.fold)

    @property
    def done(self) -> bool:
        """Whether its scores are there."""
        return (self.folder / _SCORES).is_file()

    def rows(self, part: str) -> np.ndarray:
        """int64 [n]: rows of the manifest that are of a part."""
        return np.flatnonzero(self.parts == part)


def run_fold(job: FoldJob) -> None:
    """Train and score a fold, or continue with it, unless it is done.

    Raises:
        RunError: another data set stands where the job says, or the training diverged.
    """
    if job.done:
        return
    data = PreparedData.open(job.data, verify=False)
    if data.content_hash != job.data_hash:
        raise RunError(f"fold {job.fold}: {job.data} holds another data set here than where the run was begun")
    network, rows, chosen = _train(data, job)
    keep_likeness(data, np.flatnonzero(np.isin(job.parts, ("train", "validation"))), job.folder)
    ask, test, views = forward(network), job.rows("test"), job.config.evaluate.tta
    if chosen is None:
        chosen = predict_probabilities(ask, data, rows, views)
    as_scores(data, rows, chosen, job.fold).to_csv(job.folder / _VALIDATION)
    held_out = as_scores(data, test, predict_probabilities(ask, data, test, views), job.fold)
    held_out.to_csv(job.folder / _SCORES)  # last: it says that the fold is done


def fold_scores(job: FoldJob) -> tuple[Scores, Scores]:
    """Scores of held-out and validation ROIs that `run_fold` left."""
    return Scores.from_csv(job.folder / _SCORES), Scores.from_csv(job.folder / _VALIDATION)


def _train(data: PreparedData, job: FoldJob) -> tuple[keras.Model, np.ndarray, np.ndarray | None]:
    """The fold's network, the rows that choose thresholds, and their probabilities where it is not the one to ask."""
    train, validation, seed = job.rows("train"), job.rows("validation"), fold_seed(job.config.seed, job.fold)
    if job.config.split.inner is not None:
        network, out_of_fold = train_nested(data, train, job.config, seed, job.folder)
        return network, train, out_of_fold
    silent = Console(quiet=True)  # fold_progress.py shows how far all folds are
    config = with_teacher_of(job.config, job.fold)
    network = train_network(data, train, validation, config, seed, job.folder, silent, f"fold {job.fold}")
    return network, validation, None

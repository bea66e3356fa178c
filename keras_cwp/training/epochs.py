"""What happens between two epochs: validate, remember the best, write history and state, perhaps stop."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cwp.config import TrainConfig
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import RunError
from keras_cwp.evaluation.probability import row_losses
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.files import write_bytes, write_text
from keras_cwp.models.forward import forward
from keras_cwp.training.inference import predict_probabilities
from keras_cwp.training.state import Progress, save_state

STATE_FILE = "state.npz"
_VALIDATION_FILE = "validation_epoch_{:04d}.npy"


class EpochEnd(keras.callbacks.Callback):
    """Validates the averaged network after each epoch and leaves a state to continue from.

    Args:
        network: receives the averaged weights; what validation, and at the end the caller, uses.
        data, rows: validation crops.
        folder: where history.csv, the TensorBoard log and the state go.
        progress: of an earlier part of this training, or a fresh one.
        keep_views: leave each epoch's validation probabilities, of so many views, in `folder` for `kept_validation`.
        watch: gets each epoch, from 0, and its validation AUC, once the state is written; may raise to end it.
    """

    def __init__(
        self,
        network: keras.Model,
        data: PreparedData,
        rows: np.ndarray,
        config: TrainConfig,
        folder: Path,
        progress: Progress,
        keep_views: int | None = None,
        watch: Callable[[int, float], None] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self._ask = forward(network)
        self.data = data
        self.rows = rows
        self.config = config
        self.folder = folder
        self.progress = progress
        self.keep_views = keep_views
        self.watch = watch
        self._began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self._writer = tf.summary.create_file_writer(str(self.folder / "tensorboard"))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        if not np.isfinite(logs["loss"]):
            raise RunError(f"{self.folder}: the loss is {logs['loss']} in epoch {epoch + 1}; lower train.learning_rate")
        self.model.copy_average_to(self.network)
        figures = self._validate(epoch)
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row = {"epoch": epoch + 1, "loss": float(logs["loss"]), "accuracy": float(logs["accuracy"])}
        row |= figures | {"learning_rate": rate, "seconds": round(time.monotonic() - self._began, 2)}
        self.progress.history.append(row)
        self._remember(epoch, figures)
        self._write(row)
        logs.update(figures)
        if self.patience_is_over:
            self.model.stop_training = True
        if self.watch is not None and figures:
            self.watch(epoch, figures["val_auc"])

    @property
    def patience_is_over(self) -> bool:
        """Whether the validation figure has not risen for `train.early_stopping` epochs."""
        waited = len(self.progress.history) - 1 - self.progress.best_epoch
        return self.config.early_stopping is not None and waited >= self.config.early_stopping

    def restore_best(self) -> None:
        """Give the network the weights to keep: the best epoch's with early stopping, else the last epoch's."""
        if self.config.early_stopping is None:
            self.model.copy_average_to(self.network)
        else:
            self.network.set_weights(self.progress.best_weights)

    def _validate(self, epoch: int) -> dict[str, float]:
        """No figures where there are no rows to choose by."""
        if len(self.rows) == 0:
            return {}
        probabilities = predict_probabilities(self._ask, self.data, self.rows, self.keep_views or 1)
        if not np.isfinite(probabilities).all():
            raise RunError(f"{self.folder}: the validation loss is nan in epoch {epoch + 1}; lower train.learning_rate")
        if self.keep_views:
            keep_validation(self.folder, epoch, probabilities)
        return validation_figures(self.data.labels[self.rows], probabilities)

    def _remember(self, epoch: int, figures: dict[str, float]) -> None:
        if not figures:
            return
        auc = figures["val_auc"]
        score = (-np.inf if np.isnan(auc) else auc, -figures["val_loss"])
        if score > self.progress.best_score:
            self.progress.best_score = score
            self.progress.best_epoch = epoch
            if self.config.early_stopping is not None:
                self.progress.best_weights = self.network.get_weights()

    def _write(self, row: dict[str, Any]) -> None:
        with self._writer.as_default(step=row["epoch"]):
            for name in row.keys() - {"epoch"}:
                tf.summary.scalar(name, row[name])
        self._writer.flush()
        write_history(self.folder / "history.csv", self.progress.history)
        save_state(self.folder / STATE_FILE, self.model, self.progress)


def validation_figures(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Macro AUC (NaN where a class is missing), accuracy and log loss of un-augmented crops."""
    return {
        "val_loss": float(row_losses(labels, probabilities).mean()),
        "val_accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
        "val_auc": float(macro_auc(labels, probabilities)),
    }


def keep_validation(folder: Path, epoch: int, probabilities: np.ndarray) -> None:
    """Leave validation probabilities float64 [rows, classes] of an epoch, from 0, in a training's folder."""
    buffer = io.BytesIO()
    np.save(buffer, probabilities, allow_pickle=False)
    write_bytes(folder / _VALIDATION_FILE.format(epoch + 1), buffer.getvalue())


def kept_so_far(folder: Path) -> list[np.ndarray]:
    """Validation probabilities float64 [rows, classes] of the epochs that a training with `keep` has done."""
    found: list[np.ndarray] = []
    while (file := folder / _VALIDATION_FILE.format(len(found) + 1)).is_file():
        found.append(np.load(file, allow_pickle=False))
    return found


def kept_validation(folder: Path, epochs: int) -> np.ndarray:
    """Validation probabilities float64 [epochs, rows, classes] that a training with `keep` left."""
    files = [folder / _VALIDATION_FILE.format(epoch) for epoch in range(1, epochs + 1)]
    return np.stack([np.load(file, allow_pickle=False) for file in files])


def write_history(path: Path, history: list[dict[str, Any]]) -> None:
    """One row an epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())

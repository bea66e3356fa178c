"""The state of a training that was interrupted: written whole after each epoch, read back without pickle."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cwp.errors import RunError
from keras_cwp.files import write_bytes


@dataclass
class Progress:
    """Where a training stands between two epochs, beside what the variables hold.

    Args:
        history: one dict an epoch, as history.csv has them.
        best_epoch: index of the epoch with the best validation figure; -1 before the first.
        best_score: that epoch's (macro AUC, minus loss), compared in this order.
        best_weights: the averaged network's weights then; empty where none are kept.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = -1
    best_score: tuple[float, float] = (-np.inf, -np.inf)
    best_weights: list[np.ndarray] = field(default_factory=list)


def save_state(path: Path, model: keras.Model, progress: Progress) -> None:
    """Write all variables of model and optimizer, random generators among them, and the progress."""
    arrays = {f"variable_{n}": keras.ops.convert_to_numpy(v) for n, v in enumerate(_variables(model))}
    arrays |= {f"best_{n}": weight for n, weight in enumerate(progress.best_weights)}
    note = {"history": progress.history, "best_epoch": progress.best_epoch, "best_score": progress.best_score}
    arrays["progress"] = np.frombuffer(json.dumps(note).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path, model: keras.Model) -> Progress:
    """Put the variables back and return the progress.

    Raises:
        RunError: the file is damaged, or was written for another model.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in arrays.files}
        note = json.loads(stored.pop("progress").tobytes())
        best = [stored.pop(f"best_{n}") for n in range(sum(name.startswith("best_") for name in stored))]
        for n, variable in enumerate(_variables(model)):
            value = stored.pop(f"variable_{n}")
            if value.shape != tuple(variable.shape):
                raise ValueError(f"{variable.path} has shape {tuple(variable.shape)}, the file {value.shape}")
            variable.assign(value)
        if stored:
            raise ValueError(f"{len(stored)} variables too many")
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = "it is empty" if path.is_file() and not path.stat().st_size else error
        raise RunError(f"{path}: cannot continue from it ({reason}); remove the run and begin again") from None
    return Progress(note["history"], note["best_epoch"], tuple(note["best_score"]), best)


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]

"""Nested cross-validation: all that is chosen in a fold is chosen by inner folds of its training patients.

The inner networks' out-of-fold probabilities choose the configuration and the number of epochs, and thresholds and
temperature later. The fold's own network is then trained on all its training patients for that many epochs of the
same schedule; it was never asked about a patient that it is judged on, and neither was anything that chose.

Reference: Varma and Simon, BMC Bioinformatics 7:91 (2006).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console

from keras_cwp.candidates import candidate_configs
from keras_cwp.config import Config, dump_config
from keras_cwp.data.fold_plan import fold_seed
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import split_csv
from keras_cwp.data.splits import folds
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.files import write_text
from keras_cwp.training.epochs import kept_validation
from keras_cwp.training.network import train_network

_SILENT = Console(quiet=True)  # fold_progress.py shows how far all folds are


def train_nested(
    data: PreparedData, rows: np.ndarray, config: Config, seed: int, folder: Path
) -> tuple[keras.Model, np.ndarray]:
    """Choose by inner folds, then train on all the rows.

    Args:
        rows: int [n]; training rows of the outer fold.
        folder: of the outer fold; gets model.keras, config.yaml (the chosen candidate's), choice.json, inner/.

    Returns:
        The network, and the chosen inner networks' out-of-fold probabilities float64 [n, classes].

    Raises:
        SplitError: a class with fewer patients than inner folds.
    """
    inner = folds(data.patients[rows], data.label_names[rows], _inner_folds(config), seed)
    write_text(folder / "inner" / "split.csv", split_csv(data, _inner_parts(data, rows, inner)))
    candidates = {name: _without_stopping(candidate) for name, candidate in candidate_configs(config).items()}
    found = {
        name: _out_of_fold(data, rows, inner, candidate, seed, folder / "inner" / name)
        for name, candidate in candidates.items()
    }
    curves = {name: _mean_auc(data.labels[rows], inner, probabilities) for name, probabilities in found.items()}
    name, epoch = choose(curves)
    write_text(folder / "config.yaml", dump_config(candidates[name]))
    write_text(folder / "choice.json", _choice(name, epoch, curves))
    network = train_network(
        data, rows, rows[:0], candidates[name], seed, folder, _SILENT, folder.name, stop_after=epoch + 1
    )
    return network, found[name][epoch]


def choose(curves: dict[str, np.ndarray]) -> tuple[str, int]:
    """Candidate and epoch, from 0, of the highest mean macro AUC; of equals the first candidate's first epoch.

    Args:
        curves: candidate → float [epochs].
    """
    best = max(curves, key=lambda name: float(np.nanmax(curves[name])))
    return best, int(np.nanargmax(curves[best]))


def _inner_folds(config: Config) -> int:
    assert config.split.inner is not None
    return config.split.inner


def _inner_parts(data: PreparedData, rows: np.ndarray, inner: np.ndarray) -> dict[int, np.ndarray]:
    """As for split.csv: rows of the outer test part stand as test in each inner fold, where nothing looks at them."""
    splits = {}
    for k in range(inner.max() + 1):
        parts = np.full(len(data), "test", dtype="<U10")
        parts[rows] = np.where(inner == k, "validation", "train")
        splits[k + 1] = parts
    return splits


def _without_stopping(config: Config) -> Config:
    """Every inner network is trained to the end, so that all epochs can be compared; a probe has one."""
    change: dict[str, Any] = {"early_stopping": None}
    if config.train.mode == "probe":
        change["epochs"] = 1
    return config.model_copy(update={"train": config.train.model_copy(update=change)})


def _out_of_fold(
    data: PreparedData, rows: np.ndarray, inner: np.ndarray, config: Config, seed: int, folder: Path
) -> np.ndarray:
    """Probabilities float64 [epochs, n, classes]: after each epoch, each row's by the network that did not see it."""
    found = np.empty((config.train.epochs, len(rows), len(data.classes)))
    for k in range(inner.max() + 1):
        own, held_out = folder / f"inner_{k + 1}", inner == k
        train_network(
            data, rows[~held_out], rows[held_out], config, fold_seed(seed, k + 1), own, _SILENT, own.name,
            keep=True,
        )  # fmt: skip
        found[:, held_out] = kept_validation(own, config.train.epochs)
    return found


def _mean_auc(labels: np.ndarray, inner: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Macro AUC float [epochs]: each inner fold's own, their mean."""
    areas = [
        [macro_auc(labels[inner == k], epoch[inner == k]) for k in range(inner.max() + 1)] for epoch in probabilities
    ]
    return np.mean(areas, axis=1)


def _choice(name: str, epoch: int, curves: dict[str, np.ndarray]) -> str:
    tree = {
        "candidate": name,
        "epochs": epoch + 1,
        "inner_macro_auc": {key: [round(float(area), 6) for area in curve] for key, curve in curves.items()},
    }
    return json.dumps(tree, indent=2) + "\n"

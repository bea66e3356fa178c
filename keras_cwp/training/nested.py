"""Nested cross-validation: all that is chosen in a fold is chosen by inner folds of its training patients.

The inner networks' out-of-fold probabilities choose the configuration and the number of epochs, and thresholds and
temperature later. The fold's own network is then trained on all its training patients for that many epochs of the
same schedule; it was never asked about a patient that it is judged on, and neither was anything that chose.

Reference: Varma and Simon, BMC Bioinformatics 7:91 (2006).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
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
from keras_cwp.training.choose_mode import with_mode
from keras_cwp.training.chosen import Chosen
from keras_cwp.training.epochs import kept_so_far, kept_validation
from keras_cwp.training.network import train_network
from keras_cwp.training.search import Found, Train, search

_SILENT = Console(quiet=True)  # fold_progress.py shows how far all folds are


def train_nested(
    data: PreparedData, rows: np.ndarray, config: Config, seed: int, folder: Path
) -> tuple[keras.Model, np.ndarray]:
    """Choose by inner folds, then train on all the rows.

    Args:
        rows: int [n]; training rows of the outer fold.
        folder: of the outer fold; gets model.keras, config.yaml (what was chosen), choice.json, inner/.

    Returns:
        The network, and the chosen inner networks' out-of-fold probabilities float64 [n, classes].

    Raises:
        SplitError: a class with fewer patients than inner folds.
        CwpError: see `search.search`.
    """
    inner = folds(data.patients[rows], data.label_names[rows], _inner_folds(config), seed)
    write_text(folder / "inner" / "split.csv", split_csv(data, _inner_parts(data, rows, inner)))
    if config.search.space:
        name, chosen, found = search(config, seed, folder / "inner", _trainer(data, rows, inner, seed))
        curves = {name: found.curve}
    else:
        name, chosen, curves, found = _among_candidates(data, rows, inner, config, seed, folder)
    _, epoch = choose(curves)
    if found.mode is not None:
        found.mode.write(folder)
    write_text(folder / "config.yaml", dump_config(chosen))
    write_text(folder / "choice.json", _choice(name, epoch, curves))
    network = train_network(data, rows, rows[:0], chosen, seed, folder, _SILENT, folder.name, stop_after=epoch + 1)
    return network, found.probabilities[epoch]


def _among_candidates(
    data: PreparedData, rows: np.ndarray, inner: np.ndarray, config: Config, seed: int, folder: Path
) -> tuple[str, Config, dict[str, np.ndarray], Found]:
    """Name and configuration of the best candidate, the curves of all, and what the best one's inner networks gave."""
    candidates = {name: _without_stopping(candidate) for name, candidate in candidate_configs(config).items()}
    train = _trainer(data, rows, inner, seed)
    found = {name: train(candidate, folder / "inner" / name, lambda *_: None) for name, candidate in candidates.items()}
    curves = {name: own.curve for name, own in found.items()}
    name, _ = choose(curves)
    return name, candidates[name], curves, found[name]


def _trainer(data: PreparedData, rows: np.ndarray, inner: np.ndarray, seed: int) -> Train:
    """What trains the inner networks of a configuration: it has the training rows of the outer fold and no others.

    `train.mode: auto` is decided once, by all these rows. The inner networks are then of the kind of the fold's own,
    for which they choose the epoch and the thresholds.
    """

    def train(config: Config, folder: Path, tell: Callable[[int, float], None]) -> Found:
        trained = _without_stopping(with_mode(data, rows, config, seed, folder))
        probabilities = _out_of_fold(data, rows, inner, trained, seed, folder, tell)
        return Found(probabilities, _mean_auc(data.labels[rows], inner, probabilities), Chosen.read(folder))

    return train


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
    data: PreparedData,
    rows: np.ndarray,
    inner: np.ndarray,
    config: Config,
    seed: int,
    folder: Path,
    tell: Callable[[int, float], None] = lambda *_: None,
) -> np.ndarray:
    """Probabilities float64 [epochs, n, classes]: after each epoch, each row's by the network that did not see it.

    Args:
        tell: gets the validation AUC of each (inner fold, epoch), counted through from 0; may raise to end it.
    """
    epochs = config.train.epochs
    found = np.empty((epochs, len(rows), len(data.classes)))
    for k in range(inner.max() + 1):
        own, held_out = folder / f"inner_{k + 1}", inner == k
        for epoch, kept in enumerate(kept_so_far(own)):  # before an interruption
            tell(k * epochs + epoch, macro_auc(data.labels[rows[held_out]], kept))
        train_network(
            data, rows[~held_out], rows[held_out], config, fold_seed(seed, k + 1), own, _SILENT, own.name,
            keep=True, watch=functools.partial(_tell_of_fold, tell, k * epochs),
        )  # fmt: skip
        found[:, held_out] = kept_validation(own, epochs)
    return found


def _tell_of_fold(tell: Callable[[int, float], None], first: int, epoch: int, area: float) -> None:
    tell(first + epoch, area)


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

"""Score a finished run's models once more: on its own held-out ROIs in other views, or on another data set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, split_rows
from keras_cwp.errors import DataError, RunError
from keras_cwp.models.forward import forward
from keras_cwp.scores import Scores, concatenate
from keras_cwp.training.inference import as_scores, predict_probabilities
from keras_cwp.training.run import ModelContract, RunFolder, fold_folder
from keras_cwp.training.saved import load_network


def score_held_out(run: RunFolder, data: PreparedData, views: int) -> tuple[Scores, Scores]:
    """Scores of the run's test and validation rows, each by the network that did not train on it.

    Args:
        data: the run's own data set.
        views: of test-time augmentation; 1: the crops as they are.

    Raises:
        RunError: thresholds of the run come from inner networks, of which no more than their scores was kept.
    """
    if run.config.split.inner is not None:
        raise RunError(
            f"{run.path}: nested cross-validation chose its thresholds in {run.config.evaluate.tta} view(s), and that "
            "cannot be done again; run cv with evaluate.tta"
        )
    row_of = {row.roi_key: number for number, row in enumerate(data.manifest)}
    parts: dict[tuple[int, str], list[int]] = {}
    for row in split_rows(run.path / SPLIT_FILE):
        parts.setdefault((row.fold, row.part), []).append(row_of[row.roi])
    found: dict[str, list[Scores]] = {"test": [], "validation": []}
    for fold in sorted({fold for fold, _ in parts}):
        ask = forward(load_network(fold_folder(run.path, fold)))
        for part, scores in found.items():
            rows = np.array(parts[fold, part])
            scores.append(as_scores(data, rows, predict_probabilities(ask, data, rows, views), fold))
    return concatenate(found["test"]), concatenate(found["validation"])


def as_the_model_has_it(run: RunFolder, data: PreparedData) -> PreparedData:
    """A data set with the classes of the run's model, in the model's order; classes may lack ROIs.

    Raises:
        RunError: it is the run's own data set.
        DataError: a class that the model does not have, or crops of another size.
    """
    if data.content_hash == run.info["data_hash"]:
        raise RunError(f"{data.path} is what {run.path} was trained on; leave --data out to see its held-out ROIs")
    contract = ModelContract.read(run.model_folders()[0])
    if unknown := sorted(set(data.label_names.tolist()) - set(contract.classes)):
        raise DataError(
            f"{data.path}: the model of {run.path} does not have the class {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(contract.classes)}. Prepare the data again with --labels MAP.yaml, which renames classes"
        )
    if contract.image_size != data.image_size:
        raise DataError(
            f"{data.path}: image_size is {data.image_size}, the model of {run.path} has {contract.image_size}; "
            f"prepare it again with --set data.image_size={contract.image_size}"
        )
    return replace(data, classes=contract.classes)


def score_elsewhere(run: RunFolder, data: PreparedData, views: int) -> Scores:
    """Scores of a whole data set that `as_the_model_has_it` gave; cv's fold models are averaged."""
    folders = run.model_folders()
    rows = np.arange(len(data))
    each = [predict_probabilities(forward(load_network(folder)), data, rows, views) for folder in folders]
    return as_scores(data, rows, np.mean(each, axis=0))

"""`train.mode: ensemble`: the weighted mean of a fine-tuned network and a probe of ImageNet features.

The two err on different ROIs. The validation patients, who train neither, choose the share of each in the mean.
docs/weights.md has the measurements.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from scipy import optimize

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError
from keras_cwp.evaluation.probability import row_losses
from keras_cwp.models.forward import forward
from keras_cwp.models.mean import mean_of
from keras_cwp.training.beside import probe_config
from keras_cwp.training.ensemble_note import Ensemble
from keras_cwp.training.inference import predict_probabilities

_FINE_TUNED, _PROBE = "fine_tuned", "probe"  # folders of the two while they are trained
_OF_THE_FINE_TUNED = ("history.csv", "tensorboard")  # kept beside the ensemble
_EVEN = 0.5  # where nothing chooses the share

Train = Callable[[Config, Path], keras.Model]


def check_ensemble(config: Config) -> None:
    """Refuse what leaves nobody to choose the share by.

    Raises:
        ConfigError: nested cross-validation, which has no validation patients.
    """
    if config.split.inner is not None:
        raise ConfigError(
            "train.mode ensemble: validation patients choose the share of each network, and a cross-validation with "
            "inner folds (split.inner) has none; leave split.inner out, or choose train.mode fine_tune or probe"
        )


def train_ensemble(
    data: PreparedData, validation: np.ndarray, config: Config, folder: Path, note: Callable[[str], None], train: Train
) -> keras.Model:
    """Train both networks, or continue; choose the share; write ensemble.json, not the model.

    Args:
        validation: int [n]; rows of the manifest that choose the share. Without any it is `train.ensemble_share`, or a
            half.
        folder: of the ensemble. The two are trained in folders of it, which `remove_members` removes.
        note: gets the share in one line.
        train: trains one of the two by its configuration, in a folder of its own.

    Returns:
        images [batch, image_size, image_size, 1] → logits, whose softmax is the mean of the probabilities.
    """
    check_ensemble(config)
    configs = {
        _FINE_TUNED: config.model_copy(update={"train": config.train.model_copy(update={"mode": "fine_tune"})}),
        _PROBE: probe_config(config),
    }
    networks = {name: train(each, folder / name) for name, each in configs.items()}
    stated = config.train.ensemble_share
    about = Ensemble(_EVEN if stated is None else stated, 0, {})
    if len(validation):
        answers = {
            name: predict_probabilities(forward(network), data, validation, config.evaluate.tta)
            for name, network in networks.items()
        }
        about = _about(data, validation, answers[_FINE_TUNED], answers[_PROBE], stated)
    about.write(folder)
    note(about.sentence)
    for name in _OF_THE_FINE_TUNED:
        if (kept := folder / _FINE_TUNED / name).exists():
            os.replace(kept, folder / name)
    return mean_of([networks[_FINE_TUNED], networks[_PROBE]], [about.share, 1 - about.share])


def remove_members(folder: Path) -> None:
    """Remove the folders in which the two networks were trained; the ensemble holds both."""
    for name in (_FINE_TUNED, _PROBE):
        shutil.rmtree(folder / name, ignore_errors=True)


def choose_share(first: np.ndarray, second: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> float:
    """The share of the first in a mean of two probabilities that has the least log loss.

    A patient counts once, with the mean over the patient's ROIs. Two patients are added: one whom only the first
    network gets right, and one whom only the second does (a beta distribution with the parameters 2 and 2 as prior).
    They keep the share near a half where there are few patients.

    Args:
        first, second: float [n, classes]; probabilities of ROIs that neither network was trained on.
        labels: int [n].
        patients: int or str [n].

    Returns:
        A number from 0.001 to 0.999 with three digits, so that the last digits of the probabilities do not show in it.
    """
    own = np.arange(len(labels)), labels
    weight = _weight_of_each(patients)

    def cost(share: float) -> float:
        mean = share * first[own] + (1 - share) * second[own]
        return -float((weight * np.log(np.maximum(mean, np.finfo(float).tiny))).sum() + np.log(share * (1 - share)))

    edge = 1e-3  # the last of three digits: each network keeps a share, as the prior has it
    return round(float(optimize.minimize_scalar(cost, bounds=(edge, 1 - edge), method="bounded").x), 3)


def _about(
    data: PreparedData, rows: np.ndarray, fine_tuned: np.ndarray, probe: np.ndarray, stated: float | None
) -> Ensemble:
    labels, patients = data.labels[rows], data.patients[rows]
    share = choose_share(fine_tuned, probe, labels, patients) if stated is None else stated
    weight = _weight_of_each(patients)
    answers = {_FINE_TUNED: fine_tuned, _PROBE: probe, "ensemble": share * fine_tuned + (1 - share) * probe}
    losses = {name: float(np.average(row_losses(labels, each), weights=weight)) for name, each in answers.items()}
    return Ensemble(share, len(np.unique(patients)) if stated is None else 0, losses)


def _weight_of_each(patients: np.ndarray) -> np.ndarray:
    """float [n]: of a ROI, so that each patient's ROIs have 1 in all."""
    _, patient, counts = np.unique(patients, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[patient], dtype=np.float64)

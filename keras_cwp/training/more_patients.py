"""What more patients would bring: probes of parts of a data set's patients, for `evaluation.learning_curve`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import softmax

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.splits import folds
from keras_cwp.errors import SplitError
from keras_cwp.evaluation.learning_curve import Tried
from keras_cwp.models.build import build_model
from keras_cwp.models.probed import probed
from keras_cwp.training.probe import Head, cached_features, check_weights, choose_strength

_SHARES = (0.25, 0.4, 0.63, 1.0)  # of the training patients; equally far apart in their logarithm
_FOLDS = 5
_LEAST_PATIENTS = 8  # of a training; fewer say nothing about the curve


def try_fewer_patients(
    data: PreparedData, config: Config, repeats: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Tried:
    """Cross-validate probes that see only a part of the training patients.

    Args:
        config: names the network whose frozen features are probed, with weights; its seed counts.
        repeats: draws of patients of each size.
        progress: gets trainings done and in all.

    Raises:
        ConfigError: no weights are configured.
        SplitError: too few patients.
    """
    check_weights(config)
    classes = len(data.classes)
    features = cached_features(probed(build_model(config.model, classes, data.image_size), classes), data)
    return of_features(features, data.labels, data.patients, classes, config, repeats, progress)


def of_features(
    features: np.ndarray,
    labels: np.ndarray,
    patients: np.ndarray,
    classes: int,
    config: Config,
    repeats: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Tried:
    """`try_fewer_patients` from features float32 [rois, features]."""
    groups = np.unique(patients, return_inverse=True)[1]
    least = min(len(np.unique(groups[labels == label])) for label in range(classes))
    number = min(_FOLDS, least)
    needed, found_patients = patients_needed(least), len(np.unique(groups))
    if least < 2 or found_patients < needed:
        wanted = f"{needed} patients" + ("" if number == _FOLDS else f" where {max(least, 2)} have the rarest class")
        raise SplitError(
            f"plan: {found_patients} patients, {least} of the rarest class; a learning curve needs {wanted}"
        )
    strength, _ = choose_strength(features, labels, patients, classes, config, config.seed)
    found = np.zeros((len(_SHARES), repeats, len(labels), classes), np.float32)
    sizes = np.zeros(len(_SHARES))
    done, total = 0, len(_SHARES) * repeats * number
    for repeat in range(repeats):
        part = folds(patients, labels, number, config.seed + repeat)
        random = np.random.default_rng([config.seed, repeat])
        for fold in range(number):
            training, judged = np.flatnonzero(part != fold), part == fold
            order = _in_turn(labels[training], groups[training], random)
            for place, share in enumerate(_SHARES):
                count = round(share * len(order))
                rows = training[np.isin(groups[training], order[:count])]
                head = Head(features[rows], labels[rows]).fitted(classes, strength)
                found[place, repeat, judged] = softmax(features[judged] @ head.kernel + head.bias, axis=1)
                sizes[place] += count / (repeats * number)
                done += 1
                progress(done, total)
    return Tried(sizes, found, labels, groups)


def patients_needed(rarest: int) -> int:
    """Patients of a data set with whom the smallest training has enough of them.

    Args:
        rarest: patients of the class that the fewest have; with fewer than five there are fewer folds.
    """
    number = min(_FOLDS, max(rarest, 2))
    return math.ceil(_LEAST_PATIENTS / _SHARES[0] * number / (number - 1))


def _in_turn(labels: np.ndarray, groups: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Patients in a random order of which every beginning has each class in about its share, and each class early."""
    names = np.unique(groups)
    commonest = np.array([np.bincount(labels[groups == name]).argmax() for name in names])
    places = np.empty(len(names))
    for label in np.unique(commonest):
        own = np.flatnonzero(commonest == label)
        places[random.permutation(own)] = (np.arange(len(own)) + random.random()) / len(own)
    for label in np.unique(labels):  # a training of one class alone is none
        with_class = np.flatnonzero(np.isin(names, groups[labels == label]))
        places[with_class[places[with_class].argmin()]] -= 1
    return names[np.argsort(places, kind="stable")]

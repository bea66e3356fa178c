"""A linear head on the frozen features of a network: what a few hundred ROIs can pay for."""

from __future__ import annotations

import hashlib
import io
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from keras_cwp.augment.geometry import central_slice
from keras_cwp.config import Config
from keras_cwp.data.pipeline import batches
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.splits import folds
from keras_cwp.errors import ConfigError, SplitError
from keras_cwp.files import cache_folder, write_bytes, write_text
from keras_cwp.models.build import build_model
from keras_cwp.models.forward import forward
from keras_cwp.models.probed import PROBE_POOL, probed
from keras_cwp.training.targets import soft_targets

PROBE_FILE = "probe.json"
# Inverse strengths of the penalty on standardised features, strongest first: what is tried.
STRENGTHS = tuple(float(f"{10.0**power:.3g}") for power in np.arange(-5, 1.1, 0.5))
_WORSE = 2  # of them in a row without a better log loss, and the rest is not tried
UNCHOSEN = 1e-3  # where too few patients are there to choose by
_INNER_FOLDS = 5
_STEPS = 500  # of the solver; it stops earlier
_BATCH = 64
_FORMAT = 1  # of the cached features
_ABSENT = -20.0  # logit of a class without a ROI to learn from
_TINY = 1e-12  # keeps the logarithm of a probability finite


def train_probe(
    data: PreparedData, train: np.ndarray, config: Config, seed: int, folder: Path, console: Console, title: str
) -> keras.Model:
    """Fit the head; writes probe.json and history.csv, not the model.

    Args:
        train: int [n]; rows of the manifest that the head may see.
        seed: of the inner folds.
        folder: of the network.

    Returns:
        images [batch, image_size, image_size, 1] → logits, as `network.train_network` returns it.

    Raises:
        ConfigError: no weights are configured.
    """
    began = time.monotonic()
    check_weights(config)
    network = probed(build_model(config.model, len(data.classes), data.image_size), len(data.classes))
    features = cached_features(network, data)
    labels, patients = data.labels[train], data.patients[train]
    soft = _of_rows(soft_targets(data, config), train)
    strength, losses = choose_strength(features[train], labels, patients, len(data.classes), config, seed, soft)
    head = Head(features[train], labels, soft).fitted(len(data.classes), strength, _balanced(config))
    network.get_layer("logits").set_weights([head.kernel, head.bias])
    seconds = round(time.monotonic() - began, 2)
    about = {
        "features": features.shape[1],
        "rois": len(train),
        "strength": strength,
        "inner_log_loss": {f"{tried:.3g}": round(loss, 6) for tried, loss in losses.items()},
    }
    write_text(folder / PROBE_FILE, json.dumps(about, indent=2) + "\n")
    write_text(folder / "history.csv", f"epoch,seconds\n1,{seconds}\n")
    console.print(
        f"{title}  probe of {config.model.arch}: {features.shape[1]} features of {len(train)} ROIs, penalty "
        f"1/{strength:.3g}, {seconds:.1f} s",
        soft_wrap=True,
    )
    return network


def fit_head(network: keras.Model, data: PreparedData, train: np.ndarray, config: Config, seed: int) -> None:
    """Fit the last layer of a network to its own features, with the penalty chosen as for a probe.

    Args:
        train, seed: see `train_probe`.

    Reference: Kumar et al., Fine-Tuning can Distort Pretrained Features, ICLR 2022, arXiv 2202.10054.
    """
    head = network.get_layer("logits")
    features = features_of(keras.Model(network.input, head.input), data, train)
    labels, classes = data.labels[train], len(data.classes)
    soft = _of_rows(soft_targets(data, config), train)
    strength, _ = choose_strength(features, labels, data.patients[train], classes, config, seed, soft)
    fitted = Head(features, labels, soft).fitted(classes, strength, _balanced(config))
    head.set_weights([fitted.kernel, fitted.bias])


def check_weights(config: Config) -> None:
    """Refuse a probe or a fine-tuning of a network that has learnt nothing.

    Raises:
        ConfigError: `model.weights` is not given.
    """
    if config.model.weights is None:
        raise ConfigError(
            f"train.mode {config.train.mode}: {config.model.arch} has random weights, which have learnt no features; "
            "give model.weights, for example model.arch=efficientnet_lite0 model.weights=imagenet"
        )


def cached_features(network: keras.Model, data: PreparedData) -> np.ndarray:
    """What the head sees of each ROI of a data set, float32 [rois, features]; computed once and kept in the cache.

    Args:
        network: of `probed`.
    """
    path = cache_folder() / "features" / f"{_key(network, data)}.npy"
    if path.is_file():
        kept = np.load(path, allow_pickle=False)
        if kept.shape[0] == len(data):
            return np.asarray(kept)
    taps = keras.Model(network.input, network.get_layer(PROBE_POOL).output)
    found = features_of(taps, data, np.arange(len(data)))
    buffer = io.BytesIO()
    np.save(buffer, found, allow_pickle=False)
    write_bytes(path, buffer.getvalue())
    return found


def features_of(taps: keras.Model, data: PreparedData, rows: np.ndarray) -> np.ndarray:
    """float32 [rows, features] of crops without their margin, in the order of `rows`.

    Args:
        taps: images [batch, image_size, image_size, 1] → features [batch, features].
    """
    ask = forward(taps)
    found = [
        ask(central_slice(crops, data.image_size, data.margin)).numpy()
        for crops, _, _ in batches(data, rows, batch_size=_BATCH)
    ]
    return np.concatenate(found).astype(np.float32)


def choose_strength(
    features: np.ndarray,
    labels: np.ndarray,
    patients: np.ndarray,
    classes: int,
    config: Config,
    seed: int,
    soft: np.ndarray | None = None,
) -> tuple[float, dict[float, float]]:
    """The penalty with the least log loss on inner folds that keep patients apart.

    Args:
        labels: int [n]; they divide the folds, and the log loss is theirs.
        soft: float [n, classes] that heads are fitted to instead; None: the labels.

    Returns:
        One of STRENGTHS, and the log loss of those tried; UNCHOSEN and {} where a class has a single patient.
    """
    own = [len(np.unique(patients[labels == label])) for label in np.unique(labels)]
    try:
        part = folds(patients, labels, min(_INNER_FOLDS, *own), seed)
    except SplitError:
        return UNCHOSEN, {}
    heads = [
        (part == number, Head(features[part != number], labels[part != number], _of_rows(soft, part != number)))
        for number in np.unique(part)
    ]
    losses: dict[float, float] = {}
    for strength in STRENGTHS:
        total = sum(
            head.fitted(classes, strength, _balanced(config)).loss(features[judged], labels[judged])
            for judged, head in heads
        )
        losses[strength] = total / len(labels)
        best = min(losses, key=lambda tried: losses[tried])
        if list(losses).index(best) + _WORSE < len(losses):
            break
    return best, losses


@dataclass(frozen=True, eq=False)
class Linear:
    """A fitted head: features @ kernel + bias.

    Args:
        kernel: float32 [features, classes].
        bias: float32 [classes].
    """

    kernel: np.ndarray
    bias: np.ndarray

    def loss(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Sum of the log losses of some ROIs."""
        probabilities = softmax((features @ self.kernel + self.bias).astype(np.float64), axis=1)
        own = probabilities[np.arange(len(labels)), labels]
        return -float(np.log(np.maximum(own, _TINY)).sum())


class Head:
    """Multinomial logistic regression with a squared penalty on the kernel of standardised features.

    What does not depend on the penalty is done once: where there are fewer ROIs than features, these are turned into as
    many coordinates as there are ROIs. The penalty keeps the solution within the span of the ROIs, so nothing is lost.

    Args:
        features: float [n, features].
        labels: int [n].
        soft: float [n, classes], the share of each class in a ROI, to be fitted to instead; None: the labels.
    """

    def __init__(self, features: np.ndarray, labels: np.ndarray, soft: np.ndarray | None = None) -> None:
        self.labels, self.soft = labels, soft
        self.mean = features.mean(axis=0, dtype=np.float64)
        spread = features.std(axis=0, dtype=np.float64)
        self.gain = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > _TINY)
        rows = (features - self.mean) * self.gain
        self.coordinates, self.back = rows, None
        if len(rows) < rows.shape[1]:
            with threadpool_limits(1):  # the same digits on any machine, and no threads that wait for each other
                squares, basis = np.linalg.eigh(rows @ rows.T)
                kept = squares > _TINY * squares[-1]
                sizes = np.sqrt(squares[kept])
                self.coordinates, self.back = basis[:, kept] * sizes, rows.T @ (basis[:, kept] / sizes)

    def fitted(self, classes: int, strength: float, balanced: bool = False) -> Linear:
        """The head for features as they are.

        Args:
            classes: logits that it gives; a class that no ROI has gets a bias that makes it improbable.
            strength: inverse of the penalty, scikit-learn's C.
            balanced: weigh the classes by the inverse of their counts.
        """
        weigh = "balanced" if balanced and self.soft is None else None
        model = LogisticRegression(C=strength, max_iter=_STEPS, class_weight=weigh)
        with threadpool_limits(1):
            self._fit(model, balanced)
            weights, offsets = _all_classes(model, classes)
            kernel = self.gain[:, None] * (weights if self.back is None else self.back @ weights)
            return Linear(kernel.astype(np.float32), (offsets - self.mean @ kernel).astype(np.float32))

    def _fit(self, model: Any, balanced: bool) -> None:
        if self.soft is None:
            model.fit(self.coordinates, self.labels)
            return
        rows, labels = np.nonzero(self.soft)  # a ROI counts once in all, split between its classes
        shares = self.soft[rows, labels].astype(np.float64)
        if balanced:
            totals = self.soft.sum(axis=0, dtype=np.float64)
            shares *= (totals.sum() / np.count_nonzero(totals) / np.maximum(totals, _TINY))[labels]
        model.fit(self.coordinates[rows], labels, sample_weight=shares)


def _of_rows(soft: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if soft is None else soft[rows]


def _all_classes(model: Any, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights [coordinates, classes] and offsets [classes]; scikit-learn gives one row for two classes."""
    rows, offsets = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        rows, offsets = np.vstack([-rows, rows]) / 2, np.array([-offsets[0], offsets[0]]) / 2
    weights, biases = np.zeros((rows.shape[1], classes)), np.full(classes, _ABSENT)
    weights[:, model.classes_] = rows.T
    biases[model.classes_] = offsets
    return weights, biases


def _balanced(config: Config) -> bool:
    return config.train.class_weights == "balanced"


def _key(network: keras.Model, data: PreparedData) -> str:
    """Of the features of a data set: its content, the network's layers and their weights."""
    digest = hashlib.sha256(f"{_FORMAT} {data.content_hash}".encode())
    for layer in network.layers:
        if layer.name != "logits":
            digest.update(layer.name.encode())
            for weight in layer.get_weights():
                digest.update(weight.tobytes())
    return digest.hexdigest()[:32]

"""What a training aims at for each ROI: its label, or the share of its readers who gave each class."""

from __future__ import annotations

import numpy as np

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError


def soft_targets(data: PreparedData, config: Config) -> np.ndarray | None:
    """float32 [rois, classes], each row with the sum 1; None where the label alone counts (`train.labels`)."""
    return data.shares if config.train.labels == "soft" else None


def targets(data: PreparedData, config: Config) -> np.ndarray:
    """float32 [rois, classes]: `soft_targets`, or one-hot labels."""
    soft = soft_targets(data, config)
    return np.eye(len(data.classes), dtype=np.float32)[data.labels] if soft is None else soft


def check_targets(data: PreparedData, config: Config) -> None:
    """Refuse a training whose targets or loss this data set cannot give.

    Raises:
        ConfigError: soft labels without several readers, or where one reader counts as the truth; a cumulative loss
            without an order of all classes.
    """
    if config.train.labels == "soft" and not data.readers:
        raise ConfigError(
            f"train.labels is soft, but {data.path} does not keep labels of several readers; prepare it from a ROI "
            "table with a column reader, or from a table a reader"
        )
    if config.train.labels == "soft" and (reference := data.meta.get("reference")):
        raise ConfigError(
            f"train.labels is soft, but the labels of {data.path} are those of {reference} (data.reference), not "
            "shares of readers; use consensus, or prepare it without data.reference"
        )
    order = config.data.ordinal
    if config.train.loss == "cumulative" and (order is None or sorted(order) != sorted(data.classes)):
        given = "is not given" if order is None else f"is {list(order)}"
        raise ConfigError(
            f"train.loss is cumulative, which needs all classes from least to most disease; data.ordinal {given}, and "
            f"the classes of {data.path} are {list(data.classes)}"
        )


def ranks(classes: tuple[str, ...], config: Config) -> tuple[int, ...] | None:
    """Class numbers from least to most disease, for a loss that needs them; else None."""
    order = config.data.ordinal
    return None if order is None or config.train.loss != "cumulative" else tuple(map(classes.index, order))

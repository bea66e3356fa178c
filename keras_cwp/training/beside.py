"""A probe on the folds of a cross-validation, so that nobody trains a network that a probe beats without being told."""

from __future__ import annotations

from pathlib import Path

from keras_cwp.config import Config, SearchConfig

PROBE_FOLDER = "baseline_probe"  # of a RUN folder: the probe's own RUN
_ARCH, _WEIGHTS = "efficientnet_lite0", "imagenet"


def probe_config(config: Config) -> Config:
    """The same cross-validation with a probe of EfficientNet-Lite0's ImageNet features in the network's place."""
    model = config.model.model_copy(update={"arch": _ARCH, "weights": _WEIGHTS})
    train = config.train.model_copy(update={"mode": "probe"})
    return config.model_copy(update={"model": model, "train": train, "candidates": {}, "search": SearchConfig()})


def probe_run(run: Path) -> Path:
    """Where the probe's RUN stands."""
    return run / PROBE_FOLDER

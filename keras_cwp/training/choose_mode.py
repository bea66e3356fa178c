"""`train.mode: auto`: fine-tuning, or an ensemble of it and a probe of ImageNet features.

The training patients alone decide. Where a probe of ImageNet features was better than a probe of the weights that
fine-tuning starts from, the two networks together were better than fine-tuning alone. So the two probes are compared,
which takes seconds. docs/weights.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_cwp.config import Config, ModelConfig
from keras_cwp.data.prepared import PreparedData
from keras_cwp.models.build import build_model
from keras_cwp.models.pretrained import package_installed
from keras_cwp.models.probed import probed
from keras_cwp.runtime import install_command
from keras_cwp.training.beside import probe_config
from keras_cwp.training.chosen import Chosen
from keras_cwp.training.probe import cached_features, choose_strength
from keras_cwp.training.targets import soft_targets


def with_mode(
    data: PreparedData,
    train: np.ndarray,
    config: Config,
    seed: int,
    folder: Path,
    note: Callable[[str], None] = lambda _: None,
) -> Config:
    """The configuration with a mode in the place of `auto`; any other as it is.

    Args:
        train: int [n]; rows of the manifest that the training may see. Nothing else decides.
        seed: of the inner folds.
        folder: of the network; keeps the choice, so that an interrupted training goes on with it.
        note: gets the choice in one line.

    Raises:
        ModelError: weights that cannot be read.
    """
    if config.train.mode != "auto":
        return config
    chosen = Chosen.read(folder)
    if chosen is None:
        chosen = choose_mode(data, train, config, seed)
        chosen.write(folder)
    note(chosen.sentence)
    return chosen.laid_over(config)


def choose_mode(data: PreparedData, train: np.ndarray, config: Config, seed: int) -> Chosen:
    """Apply the rule; arguments and errors are those of `with_mode`."""
    patients, rival = len(np.unique(data.patients[train])), rival_of(config)
    if rival is None:
        return _fine_tuned(
            config, patients, f"no ImageNet features to compare with; to have them: {install_command('imagenet')}"
        )
    found = {
        name: _log_loss(model, data, train, config, seed)
        for name, model in (("imagenet", rival), ("configured", config.model))
    }
    losses = {name: loss for name, loss in found.items() if loss is not None}
    if len(losses) < len(found):
        return _fine_tuned(config, patients, "a class has too few training patients to compare it with a probe")
    reason = (
        f"log loss on inner folds of the {patients} training patients: {losses['imagenet']:.3f} of a probe of ImageNet "
        f"features, {losses['configured']:.3f} of a probe of {_name(config.model)}"
    )
    if losses["configured"] < losses["imagenet"]:
        return _fine_tuned(config, patients, reason, losses)
    if config.split.inner is not None:  # no validation patients, who choose the shares of an ensemble
        return Chosen("probe", rival.arch, str(rival.weights), patients, reason, losses)
    return Chosen("ensemble", config.model.arch, str(config.model.weights), patients, reason, losses)


def rival_of(config: Config) -> ModelConfig | None:
    """The network whose probe is the alternative; None where the package with its weights is not installed."""
    model = probe_config(config).model
    return model if package_installed(model.arch) else None


def _fine_tuned(config: Config, patients: int, reason: str, losses: dict[str, float] | None = None) -> Chosen:
    return Chosen("fine_tune", config.model.arch, str(config.model.weights), patients, reason, losses or {})


def _log_loss(model: ModelConfig, data: PreparedData, train: np.ndarray, config: Config, seed: int) -> float | None:
    """Mean log loss of a probe on inner folds of the rows, at its best penalty; None where there can be no folds."""
    classes = len(data.classes)
    features = cached_features(probed(build_model(model, classes, data.image_size), classes), data)
    soft = soft_targets(data, config)
    _, losses = choose_strength(
        features[train],
        data.labels[train],
        data.patients[train],
        classes,
        config,
        seed,
        None if soft is None else soft[train],
    )
    return min(losses.values(), default=None)


def _name(model: ModelConfig) -> str:
    return Path(str(model.weights)).name

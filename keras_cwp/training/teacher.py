"""Distillation (`train.teacher`): a network learns from the networks of a cross-validation, beside the labels.

Each fold has the teacher of the same fold, which saw none of the patients who are held out. A network for all patients
has the mean of all folds' networks as its teacher.

Reference:
    Hinton, Vinyals and Dean, arXiv 1503.02531 (soft targets beside labels); Beyer et al., CVPR 2022, 10925-10934 (the
    teacher sees the same augmented image).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, split_csv
from keras_cwp.errors import ConfigError, RunError
from keras_cwp.models.deploy import deploy
from keras_cwp.training.run import RunFolder, fold_folder
from keras_cwp.training.saved import load_mean

_TAUGHT = ("network", "fine_tune")  # modes whose training has steps that a teacher can take part in


def check_taught(config: Config) -> None:
    """Refuse a teacher where none can be.

    Raises:
        ConfigError: another mode than network and fine_tune; inner folds, whose held-out patients the teacher saw.
    """
    if config.train.teacher is None:
        return
    if config.train.mode not in _TAUGHT:
        raise ConfigError(
            f"train.teacher: a network is taught while it is trained, and train.mode is {config.train.mode}; choose "
            f"{' or '.join(_TAUGHT)}"
        )
    if config.split.inner is not None:
        raise ConfigError("train.teacher: a fold's teacher saw the patients of its inner folds; leave split.inner out")


def refuse_teacher(config: Config) -> None:
    """Refuse a teacher in `fit`, whose held-out patients it may have seen.

    Raises:
        ConfigError: there is one.
    """
    if config.train.teacher is not None:
        raise ConfigError(
            "train.teacher: fit holds out other patients than its teacher's folds did; take cv with the teacher's "
            "split.csv, or keras-cwp refit RUN --distil"
        )


def check_teacher(config: Config, data: PreparedData, splits: Mapping[int, np.ndarray]) -> None:
    """Refuse a teacher that saw patients whom a fold holds out.

    Args:
        splits: fold → part of each ROI, of the cross-validation that is about to begin.

    Raises:
        RunError: not a completed run of cv on this data set with these folds.
    """
    if config.train.teacher is None:
        return
    run = RunFolder(Path(config.train.teacher))
    if not run.complete or run.info["kind"] != "cv":
        raise RunError(f"train.teacher {run.path}: not a completed run of cv")
    if run.info["data_hash"] != data.content_hash:
        raise RunError(f"train.teacher {run.path}: its data set is not {data.path}")
    if (run.path / SPLIT_FILE).read_text(encoding="utf-8") != split_csv(data, splits):
        raise RunError(
            f"train.teacher {run.path}: has other folds, so its networks saw patients who are to be held out; "
            f"take its folds: --split {run.path / SPLIT_FILE}"
        )


def with_teacher_of(config: Config, fold: int) -> Config:
    """The configuration of one fold, whose teacher is the same fold's network."""
    if config.train.teacher is None:
        return config
    own = str(fold_folder(Path(config.train.teacher), fold))
    return config.model_copy(update={"train": config.train.model_copy(update={"teacher": own})})


def teacher_of(config: Config) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """images [batch, side, side, 1] in [0, 1] → logits [batch, classes]; None without `train.teacher`.

    Of a cross-validation, the mean of its folds' networks.

    Raises:
        RunError, ModelError: no network there, or one that cannot be read.
    """
    if config.train.teacher is None:
        return None
    network = deploy(load_mean(Path(config.train.teacher), None)[0])
    return lambda images: network(images, training=False)

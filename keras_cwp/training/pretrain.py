"""Weights from radiographs without ROI labels: simulated opacities are classified, a teacher's features imitated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from sklearn.metrics import roc_auc_score

from keras_cwp.augment.layer import Augment
from keras_cwp.config import ModelConfig, TrainConfig
from keras_cwp.data.crops import margin_px
from keras_cwp.data.phantom.lay import TARGETS
from keras_cwp.errors import RunError
from keras_cwp.files import write_text
from keras_cwp.models.build import build_model
from keras_cwp.models.stages import pooled_stages, stage_layers
from keras_cwp.training.device import jit_compile, make_reproducible
from keras_cwp.training.optim import make_optimizer
from keras_cwp.training.pretext import CONTEXT, Views
from keras_cwp.training.pretrainee import Pretrainee, as_list
from keras_cwp.training.progress import TrainingProgress
from keras_cwp.training.state import Progress, load_state, save_state

STATE_FILE, HISTORY_FILE = "state.npz", "history.json"
# More than fine-tuning uses: these weights are for machines and sizes that nobody knows yet.
POLICY = {
    "operations": {
        "flip_x": {"probability": 0.5},
        "rotation_deg": {"range": [-15, 15]},
        "zoom": {"range": [0.8, 1.25]},
        "shift": {"range": [-0.1, 0.1]},
        "blur_px": {"range": [0.3, 1.0], "probability": 0.25},
        "quantum_noise": {"range": [0, 0.03], "probability": 0.5},
        "exposure": {"range": [-0.12, 0.12]},
        "contrast": {"range": [0.75, 1.33]},
        "gamma": {"range": [0.75, 1.33], "probability": 0.5},
    }
}
_TEACHER_BATCH = 64


@dataclass(frozen=True)
class PretrainSettings:
    """How to pretrain.

    Args:
        model: the network; its `weights` are where it starts.
        image_size: side of the views, pixels.
        epochs: passes over the views.
        batch_size: views in a step.
        learning_rate: peak of the schedule.
        weight_decay: see `TrainConfig`.
        ema_momentum: of the moving average of the weights, which is what is kept.
        seed: of everything random.
    """

    model: ModelConfig = field(default_factory=lambda: ModelConfig(dropout=0.0))
    image_size: int = 160
    epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    ema_momentum: float = 0.998
    seed: int = 0

    @property
    def train(self) -> TrainConfig:
        """What the optimizer is made by."""
        return TrainConfig(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup_epochs=0.5,
        )


def pretrain(
    views: Views,
    settings: PretrainSettings,
    folder: Path,
    console: Console,
    teacher: keras.Model | None = None,
    judged: Views | None = None,
) -> keras.Model:
    """Train, or continue what was interrupted in `folder`.

    Args:
        folder: gets the state, and history.json: losses by epoch, and AUCs on `judged` by finding.
        teacher: a network of this package for the same image size, whose pooled features are imitated.
        judged: views of other films.

    Returns:
        The network, for `write_weights`.

    Raises:
        RunError: the loss diverged, or the state in the folder is of another network.
    """
    make_reproducible(settings.seed)
    targets = _Targets.of(views, teacher, settings.image_size)
    trainee = _trainee(settings, targets, -(-len(views.crops) // settings.batch_size))
    state = folder / STATE_FILE
    progress = load_state(state, trainee) if state.is_file() else Progress()
    done, steps = len(progress.history), -(-len(views.crops) // settings.batch_size)
    if done < settings.epochs:
        trainee.fit(
            _batches(views, targets, settings, done),
            epochs=settings.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            callbacks=[
                _EpochEnd(folder, progress),
                TrainingProgress(console, "pretrain", settings.epochs, steps, done),
            ],
            verbose=0,
            shuffle=False,
        )
    trainee.take_average()
    report = {"settings": asdict(settings) | {"model": settings.model.model_dump()}, "history": progress.history}
    if judged is not None:
        report["auc"] = judge(trainee, judged)
    write_text(folder / HISTORY_FILE, json.dumps(report, indent=2) + "\n")
    return trainee.network


def judge(trainee: Pretrainee, views: Views) -> dict[str, float]:
    """AUC of each finding, but for the profusion, among views whose findings are known and of both kinds."""
    rows = np.flatnonzero(views.known)
    logits = [
        np.asarray(as_list(trainee(_images(views.crops[part]), training=False))[0])
        for part in np.array_split(rows, max(1, len(rows) // _TEACHER_BATCH))
    ]
    found, truth = np.concatenate(logits), views.targets[rows]
    return {
        name: float(roc_auc_score(truth[:, number] > 0, found[:, number]))
        for number, name in enumerate(TARGETS)
        if name != "profusion" and 0 < (truth[:, number] > 0).sum() < len(rows)
    }


@dataclass(frozen=True, eq=False)
class _Targets:
    """What the heads are to say: findings, and the teacher's stages standardised over the views."""

    findings: np.ndarray
    known: np.ndarray
    stages: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, views: Views, teacher: keras.Model | None, image_size: int) -> _Targets:
        known = views.known
        stages = () if teacher is None else tuple(_standardised(s) for s in _ask(teacher, views, image_size))
        return cls(np.nan_to_num(views.targets), known.astype(np.float32), stages)


def _ask(teacher: keras.Model, views: Views, image_size: int) -> list[np.ndarray]:
    """The teacher's pooled stages float32 [n, channels] of the views without their margins."""
    taps = pooled_stages(teacher)
    graph = tf.function(lambda images: taps(images, training=False), autograph=False)
    margin = margin_px(image_size, CONTEXT)
    own = slice(margin, margin + image_size)
    answers = []
    for start in range(0, len(views.crops), _TEACHER_BATCH):
        images = _images(views.crops[start : start + _TEACHER_BATCH, own, own])
        answers.append([stage.numpy() for stage in graph(tf.constant(images))])
    return [np.concatenate(stage) for stage in zip(*answers, strict=True)]


def _standardised(values: np.ndarray) -> np.ndarray:
    spread = np.maximum(values.std(axis=0), 1e-3)
    return ((values - values.mean(axis=0)) / spread).clip(-5, 5).astype(np.float32)


def _trainee(settings: PretrainSettings, targets: _Targets, steps: int) -> Pretrainee:
    network = build_model(settings.model, 2, settings.image_size)
    channels = [stage.shape[1] for stage in targets.stages][-len(stage_layers(network)) :]
    margin = margin_px(settings.image_size, CONTEXT)
    augment = Augment(POLICY, settings.image_size, margin, seed=settings.seed)
    trainee = Pretrainee(network, augment, channels, settings.ema_momentum)
    optimizer = make_optimizer(settings.train, trainee.both, steps)
    trainee.compile(optimizer=optimizer, jit_compile=jit_compile(settings.train))
    trainee.optimizer.build(trainee.both.trainable_variables)
    return trainee


def _batches(views: Views, targets: _Targets, settings: PretrainSettings, first: int) -> tf.data.Dataset:
    """(crops, findings, known, teacher's stages), each epoch in an order of its own."""

    def order() -> Any:
        for epoch in range(first, settings.epochs):
            rows = np.random.default_rng([settings.seed, epoch]).permutation(len(views.crops))
            yield from np.array_split(rows, -(-len(rows) // settings.batch_size))

    def load(rows: np.ndarray) -> list[np.ndarray]:
        return [views.crops[rows], targets.findings[rows], targets.known[rows], *(s[rows] for s in targets.stages)]

    kinds = [tf.uint8] + [tf.float32] * (2 + len(targets.stages))
    shapes = [
        [None, *views.crops.shape[1:]],
        [None, len(TARGETS)],
        [None],
        *([None, s.shape[1]] for s in targets.stages),
    ]

    def shaped(rows: tf.Tensor) -> tuple[Any, ...]:
        crops, findings, known, *stages = tf.numpy_function(load, [rows], kinds, stateful=False)
        for tensor, shape in zip((crops, findings, known, *stages), shapes, strict=True):
            tensor.set_shape(shape)
        return tf.cast(crops, tf.float32)[..., None] / 255.0, findings, known, tuple(stages)

    numbers = tf.data.Dataset.from_generator(order, output_signature=tf.TensorSpec([None], tf.int64))
    return numbers.map(shaped, num_parallel_calls=1, deterministic=True).prefetch(2)


def _images(crops: np.ndarray) -> np.ndarray:
    return (crops.astype(np.float32) / 255)[..., None]


def claim(folder: Path, settings: PretrainSettings, origin: Mapping[str, Any]) -> None:
    """Take a folder for a pretraining, or find that it is this one's.

    Args:
        origin: what the views are drawn from.

    Raises:
        RunError: it is of another pretraining.
    """
    path = folder / "settings.json"
    tree = asdict(settings) | {"model": settings.model.model_dump(), **origin}
    text = json.dumps(tree, indent=2) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise RunError(f"{folder}: holds a pretraining with other settings or films; name another file or remove it")
    write_text(path, text)


class _EpochEnd(keras.callbacks.Callback):
    """Keeps the state after each epoch."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        super().__init__()
        self.folder = folder
        self.progress = progress

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = {name: float(value) for name, value in (logs or {}).items()}
        if not np.isfinite(row["loss"]):
            raise RunError(f"{self.folder}: the loss is {row['loss']} in epoch {epoch + 1}; lower the learning rate")
        self.progress.history.append({"epoch": epoch + 1, **row})
        save_state(self.folder / STATE_FILE, self.model, self.progress)

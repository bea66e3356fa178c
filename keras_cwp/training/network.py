"""Train one network on one set of rows: the piece that fit does once and cv once a fold."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from keras_cwp.augment.layer import Augment, MagnitudeRamp, load_policy
from keras_cwp.augment.opacities import laying
from keras_cwp.augment.pipeline import augment_dataset
from keras_cwp.config import Config
from keras_cwp.data.pipeline import batches
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ModelError
from keras_cwp.models.build import build_model
from keras_cwp.models.forward import forward
from keras_cwp.training.adapt import adapt_statistics
from keras_cwp.training.beside import probe_config
from keras_cwp.training.choose_mode import rival_of, with_mode
from keras_cwp.training.device import has_gpu, jit_compile, make_reproducible, sharing_devices, training_precision
from keras_cwp.training.ensemble import check_ensemble, remove_members, train_ensemble
from keras_cwp.training.epochs import STATE_FILE, EpochEnd, keep_validation
from keras_cwp.training.inference import predict_probabilities
from keras_cwp.training.losses import make_loss
from keras_cwp.training.mirrored import MirroredTrainee
from keras_cwp.training.optim import make_optimizer
from keras_cwp.training.probe import check_weights, fit_head, train_probe
from keras_cwp.training.progress import TrainingProgress, say
from keras_cwp.training.run import ModelContract
from keras_cwp.training.saved import MODEL_FILE, load_network, save_network
from keras_cwp.training.seen import radiographs_seen, refuse_seen
from keras_cwp.training.size_note import NetworkSize
from keras_cwp.training.state import Progress, load_state
from keras_cwp.training.targets import ranks, targets
from keras_cwp.training.teacher import check_taught, teacher_of
from keras_cwp.training.trainee import Trainee

_log = logging.getLogger(__name__)


def check_buildable(config: Config, data: PreparedData) -> None:
    """Find out before anything is written whether network and policy can be made.

    Raises:
        ModelError: unknown architecture, or weights that cannot be found, read or matched.
        ConfigError: an augmentation policy that is unknown, malformed or names classes which the data set lacks; a
            probe or a fine-tuning without weights; weights that were trained on this very data set; an ensemble
            with inner folds; a teacher where none can be; or devices that cannot share a batch.
    """
    check_taught(config)
    if (devices := sharing_devices(config.train)) and has_gpu() and config.train.jit_compile == "auto":
        _log.warning("train.devices: a step that %d devices share is not compiled (train.jit_compile)", len(devices))
    if config.train.mode == "ensemble":
        check_ensemble(config)
    if opacities := load_policy(config.augment.policy).opacities:
        laying(opacities, data, config.seed)
    refuse_seen(config, data)
    if config.train.mode != "network":
        check_weights(config)
    build_model(config.model, len(data.classes), data.image_size)
    if config.train.mode == "auto" and (rival := rival_of(config)):
        build_model(rival, len(data.classes), data.image_size)
    if config.train.mode == "ensemble":
        try:
            build_model(probe_config(config).model, len(data.classes), data.image_size)
        except ModelError as error:
            raise ModelError(
                f"train.mode ensemble: the second network is a probe of ImageNet features; {error}"
            ) from None
    if seen := radiographs_seen(config.model, data):
        _log.warning(
            "model.weights %s: %d radiographs of %s look like some that these weights were made from; figures on them "
            "flatter a little", config.model.weights, seen, data.path
        )  # fmt: skip


def train_network(
    data: PreparedData,
    train: np.ndarray,
    validation: np.ndarray,
    config: Config,
    seed: int,
    folder: Path,
    console: Console,
    title: str,
    stop_after: int | None = None,
    keep: bool = False,
    watch: Callable[[int, float], None] | None = None,
) -> keras.Model:
    """Train, or continue, or only load when this folder's training had ended.

    Args:
        train, validation: int [n]; rows of the manifest, of patients that no other part has. Without validation
            rows, history.csv has no validation figures.
        seed: of the initial weights, the order of the images, dropout and augmentation.
        folder: receives model.keras, model.json, history.csv and the TensorBoard log.
        stop_after: epochs to train of a schedule made for `train.epochs`; None: all.
        keep: leave each epoch's validation probabilities there; see `epochs.kept_validation`.
        watch: see `EpochEnd`; not for a probe or an ensemble.

    Returns:
        The network with the weights to keep: images [batch, image_size, image_size, 1] → logits, float32.
    """
    if (folder / MODEL_FILE).is_file():
        remove_members(folder)
        return load_network(folder)
    folder.mkdir(parents=True, exist_ok=True)
    make_reproducible(seed)
    config = with_mode(data, train, config, seed, folder, lambda line: say(console)(f"{title}  {line}"))
    make_reproducible(seed)  # again: a choice drew numbers, and the network is to be the same as without it
    if config.train.mode == "probe":
        return _probe(data, train, validation, config, seed, folder, console, title, keep)
    if config.train.mode == "ensemble":
        return _ensemble(data, train, validation, config, seed, folder, console, title, stop_after)
    steps = -(-len(train) // config.train.batch_size)
    trainee, network = _build(data, train, config, seed)
    progress = load_state(folder / STATE_FILE, trainee) if (folder / STATE_FILE).is_file() else Progress()
    done, last = len(progress.history), stop_after or config.train.epochs
    keep_views = config.evaluate.tta if keep else None
    epoch_end = EpochEnd(network, data, validation, config.train, folder, progress, keep_views, watch)
    progress_bar = TrainingProgress(console, title, last, steps, done)
    if done < last and not epoch_end.patience_is_over:
        trainee.fit(
            _batches(data, train, config, seed, done, trainee.augment),
            epochs=last,
            initial_epoch=done,
            steps_per_epoch=steps,
            callbacks=[MagnitudeRamp(trainee.augment, config.augment.ramp_epochs), epoch_end, progress_bar],
            verbose=0,
            shuffle=False,  # the stream is in its order already
        )
    epoch_end.set_model(trainee)
    epoch_end.restore_best()
    _save(network, data, train, config.evaluate.tta, folder)
    return network


def _probe(
    data: PreparedData,
    train: np.ndarray,
    validation: np.ndarray,
    config: Config,
    seed: int,
    folder: Path,
    console: Console,
    title: str,
    keep: bool,
) -> keras.Model:
    network = train_probe(data, train, config, seed, folder, console, title)
    if keep:
        views = config.evaluate.tta
        keep_validation(folder, 0, predict_probabilities(forward(network), data, validation, views))
    _save(network, data, train, config.evaluate.tta, folder)
    return network


def _ensemble(
    data: PreparedData,
    train: np.ndarray,
    validation: np.ndarray,
    config: Config,
    seed: int,
    folder: Path,
    console: Console,
    title: str,
    stop_after: int | None,
) -> keras.Model:
    def one(own: Config, within: Path) -> keras.Model:
        return train_network(data, train, validation, own, seed, within, console, title, stop_after)

    network = train_ensemble(data, validation, config, folder, lambda line: say(console)(f"{title}  {line}"), one)
    _save(network, data, train, config.evaluate.tta, folder)
    remove_members(folder)
    return network


def _build(data: PreparedData, train: np.ndarray, config: Config, seed: int) -> tuple[Trainee, keras.Model]:
    """The trainee, compiled and built, and the float32 network of the same build that its average goes to."""
    classes = len(data.classes)
    with training_precision(config.train):
        augment = Augment(load_policy(config.augment.policy), data.image_size, data.margin, seed=seed)
        learner = build_model(config.model, classes, data.image_size)
        if config.train.mode == "fine_tune":
            adapt_statistics(learner, data, train, seed)
            fit_head(learner, data, train, config, seed)
        parts = (learner, augment, config.augment.where == "pipeline", config.train.ema_momentum, teacher_of(config))
        devices = sharing_devices(config.train)
        trainee = MirroredTrainee(*parts, devices=devices) if devices else Trainee(*parts)
        trainee.compile(
            optimizer=make_optimizer(config.train, trainee.network, -(-len(train) // config.train.batch_size)),
            loss=make_loss(config.train, ranks(data.classes, config)),
            jit_compile=jit_compile(config.train),
        )
    network = build_model(config.model, classes, data.image_size)
    trainee.optimizer.build(trainee.network.trainable_variables)
    return trainee, network


def _batches(
    data: PreparedData, rows: np.ndarray, config: Config, seed: int, first: int, augment: Augment
) -> tf.data.Dataset:
    """((crops, patients), labels [batch, classes], sample weights) for the epochs from `first` on."""
    aims = targets(data, config)
    weights = tf.constant(class_weights(aims[rows].sum(axis=0), config.train.class_weights), tf.float32)
    patients = tf.constant(np.unique(data.patients, return_inverse=True)[1], tf.int32)
    batch_size = config.train.batch_size
    stream = batches(
        data,
        rows,
        batch_size=batch_size,
        seed=seed,
        epochs=range(first, config.train.epochs),
        shuffle_buffer=config.train.shuffle_buffer,
    )
    aimed_at = tf.constant(aims)
    stream = stream.map(lambda crops, _, row: (crops, tf.gather(aimed_at, row), row), num_parallel_calls=1)
    steps = -(-len(rows) // batch_size)
    if opacities := load_policy(config.augment.policy).opacities:
        stream = laying(opacities, data, seed).on(stream, first * steps)
    if config.augment.where == "pipeline":
        stream = augment_dataset(stream, augment, first * steps, steps, config.augment.ramp_epochs)
    return stream.map(
        lambda crops, labels, row: (
            (crops, tf.gather(patients, row)),
            labels,
            tf.linalg.matvec(labels, weights),
        ),
        num_parallel_calls=1,
    ).prefetch(2)


def class_weights(counts: np.ndarray, rule: str) -> np.ndarray:
    """Weight float64 [classes] of a sample by its class; the mean over the samples is 1.

    `balanced` weighs each class by the inverse of its count, `none` gives 1. A class without samples gets 0.

    Args:
        counts: samples of each class [classes], or the sum of their shares.
    """
    if rule == "none":
        return np.ones(len(counts))
    own = np.asarray(counts, dtype=np.float64)
    return np.divide(own.sum() / np.count_nonzero(own), own, out=np.zeros(len(own)), where=own > 0)


def seen_of_radiographs(data: PreparedData, rows: np.ndarray) -> tuple[tuple[float, float, float], int]:
    """`region_share` and `film_px` of `ModelContract`, over the regions `rows`."""
    regions, films = (
        data.manifest.numbers(prefix + "width")[rows] * data.manifest.numbers(prefix + "height")[rows]
        for prefix in ("", "image_")
    )
    low, middle, high = np.quantile(regions / films, (0.05, 0.5, 0.95)).tolist()
    return (low, middle, high), int(np.quantile(films, 0.05))


def _save(network: keras.Model, data: PreparedData, train: np.ndarray, views: int, folder: Path) -> None:
    share, film_px = seen_of_radiographs(data, train)
    contract = ModelContract(
        classes=data.classes,
        image_size=data.image_size,
        context=data.margin / data.image_size,  # 0 where whole images have nothing around them
        square=data.meta["square"],
        spacing_mm=data.meta["spacing_mm"],
        data_hash=data.content_hash,
        views=views,
        region_share=share,
        film_px=film_px,
        voi=data.meta.get("voi", "apply"),
        window=data.meta.get("window", 0),
    )
    contract.write(folder)
    NetworkSize.of(network).write(folder)
    save_network(network, folder)
    (folder / STATE_FILE).unlink(missing_ok=True)

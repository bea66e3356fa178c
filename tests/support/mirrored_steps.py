"""Steps on one device and on several, in a process of its own: TensorFlow divides a CPU only before it starts.

    python mirrored_steps.py FILE

writes FILE, JSON: case → largest difference of any variable from what one device reaches, for each number of devices.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf

from keras_cwp.augment.layer import Augment
from keras_cwp.config import TrainConfig
from keras_cwp.layers.batch_norm import FusedBatchNormalization
from keras_cwp.training import shared_batch
from keras_cwp.training.losses import make_loss
from keras_cwp.training.mirrored import MirroredTrainee
from keras_cwp.training.optim import make_optimizer
from keras_cwp.training.shared_batch import Share, SharedDropout
from keras_cwp.training.trainee import Trainee

SIDE, CLASSES, BATCH, EPOCHS = 8, 3, 12, 2


def divide_cpu(parts: int) -> None:
    """Have TensorFlow see so many CPUs."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * parts)


def network(dropout: float) -> keras.Model:
    """Convolutions, batch normalisation, dropout: what a batch's parts have to agree about."""
    image = x = keras.Input((SIDE, SIDE, 1))
    for channels in (8, 12):
        x = keras.layers.Conv2D(channels, 3, use_bias=False)(x)
        x = keras.layers.ReLU()(FusedBatchNormalization(momentum=0.9)(x))
    x = keras.layers.Dropout(dropout)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, keras.layers.Dense(CLASSES, dtype="float32")(x))


def teacher(images: tf.Tensor) -> tf.Tensor:
    """Logits that depend on the mixed image."""
    means = tf.reduce_mean(images, axis=(1, 2, 3))
    return tf.stack([means, 1 - means, 4 * means], axis=1)


def train(
    devices: int,
    *,
    images: int = 24,
    policy: str = "none",
    dropout: float = 0.0,
    precision: str = "float32",
    **taught: Any,
) -> list[np.ndarray]:
    """Every variable after two epochs, the optimizer's too."""
    keras.utils.set_random_seed(5)
    keras.config.set_dtype_policy(precision)
    random = np.random.default_rng(0)
    crops = random.random((images, SIDE + 4, SIDE + 4, 1), np.float32)
    labels = np.eye(CLASSES, dtype=np.float32)[random.integers(0, CLASSES, images)]
    weights = random.uniform(0.5, 2, images).astype(np.float32)
    config = TrainConfig(epochs=EPOCHS, batch_size=BATCH)
    parts = (network(dropout), Augment(policy, SIDE, 2, seed=1, jit_compile=False))
    names = [f"CPU:{number}" for number in range(devices)]
    trainee = Trainee(*parts, **taught) if devices == 1 else MirroredTrainee(*parts, devices=names, **taught)
    trainee.compile(make_optimizer(config, trainee.network, -(-images // BATCH)), make_loss(config), jit_compile=False)
    trainee.optimizer.build(trainee.network.trainable_variables)
    patients = np.arange(images, dtype=np.int32) // 2
    trainee.fit(
        (crops, patients), labels, sample_weight=weights, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0
    )
    return [np.asarray(variable, np.float64) for variable in (*trainee.variables, *trainee.optimizer.variables)]


def difference(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def own_moments(values: tf.Tensor, _: Share) -> tuple[tf.Tensor, tf.Tensor]:
    """Of one device's images alone."""
    return tf.nn.moments(values, [0, 1, 2])


def mean_of_means(
    self: MirroredTrainee, share: Share, labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    """Each device counts alike, however few images it has."""
    return tf.reduce_mean(self.loss.call(labels, logits) * weights) / share.devices


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "mixing": {"policy": "paper_mix"},
    "uneven": {"images": 23},
    "average": {"ema_momentum": 0.9},
    # the last batch has one image, so that all devices but one have none
    "all": {"images": 25, "policy": "paper_mix", "dropout": 0.3, "ema_momentum": 0.9, "teacher": teacher},
}
# what is taken away → the training in which it has to be missed, and how it is taken away
BROKEN: dict[str, tuple[dict[str, Any], Any]] = {
    "statistics of the own images": ({}, patch.object(shared_batch, "_moments", own_moments)),
    "mean of means": ({"images": 23}, patch.object(MirroredTrainee, "_own_loss", mean_of_means)),
    "dropout of the own images": ({"dropout": 0.3}, patch.object(SharedDropout, "call", keras.layers.Dropout.call)),
}


def main(file: Path) -> None:
    divide_cpu(3)
    found = {}
    for name, case in CASES.items():
        alone = train(1, **case)
        found[name] = [difference(alone, train(devices, **case)) for devices in (2, 3)]
    for name, (case, without) in BROKEN.items():
        alone = train(1, **case)
        with without:
            found[name] = [difference(alone, train(2, **case))]
    alone = train(1, dropout=0.3, precision="mixed_float16")
    found["mixed precision"] = [difference(alone, train(2, dropout=0.3, precision="mixed_float16"))]
    file.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

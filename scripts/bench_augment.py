#!/usr/bin/env python
"""Images a second of augmentation, 280 → 224 px, one channel, batch 32: interleaved, medians.

python scripts/bench_augment.py [--rounds 7] [--albumentations ENV/bin/python] [--training] [--memory] [--out FILE]
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import tensorflow as tf

from keras_cwp.augment.layer import Augment

CROP, SIDE, BATCH = 280, 224, 32
MARGIN = (CROP - SIDE) // 2
WORKER = Path(__file__).with_name("bench_albumentations.py")
MEASURED_FOR_MEMORY = ("Keras geometry chain", "Keras intensity chain", "paper", "strong")
Contender = Callable[[], Any]


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--albumentations", "python", help="Python of an environment with albumentations.")
@click.option("--training", is_flag=True, help="Also steps of x0.5 with none, paper and strong.")
@click.option("--memory", is_flag=True, help="Also the peak memory of some, each in a process of its own.")
@click.option("--elastic", is_flag=True, help="Also Keras' RandomElasticTransform, about 1 image/s.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON to write.")
@click.option("--only", hidden=True, help="One contender, for its memory.")
def main(
    rounds: int, python: str | None, training: bool, memory: bool, elastic: bool, out: Path | None, only: str | None
) -> None:
    if only:
        _print_peak(only)
        return
    contenders = {name: make() for name, make in _makers(elastic).items()}
    if python:
        contenders |= _albumentations(python)
    figures = _measure(contenders, rounds, BATCH)
    if memory:
        for name, peak in _memory(MEASURED_FOR_MEMORY).items():
            figures[name]["memory_mb"] = peak
    figures["detail"] = _detail()
    if training:
        figures |= _measure(_training_steps(), rounds, BATCH)
    _print(figures)
    if out:
        out.write_text(json.dumps(figures, indent=2) + "\n")


def _makers(elastic: bool = False) -> dict[str, Callable[[], Contender]]:
    chains = {"Keras geometry chain": keras_geometry, "Keras intensity chain": keras_intensity}
    if elastic:
        chains["Keras elastic"] = lambda: [keras.layers.RandomElasticTransform(data_format="channels_last")]
    makers = {name: (lambda chain=chain: _graph_of(chain())) for name, chain in chains.items()}
    makers["one ImageProjectiveTransformV3, gain, gamma, noise"] = _projective
    for policy in ("none", "light", "paper", "strong", "randaugment"):
        makers[policy] = lambda policy=policy: _graph_of([Augment(policy, SIDE, MARGIN, seed=0)])
    return makers


def keras_geometry() -> list[keras.layers.Layer]:
    """The ranges of `paper`, and shear."""
    return [
        keras.layers.RandomRotation(15 / 360),
        keras.layers.RandomZoom((-0.13, 0.15)),
        keras.layers.RandomShear(0.05, 0.05),
        keras.layers.RandomTranslation(0.1, 0.1),
        keras.layers.RandomFlip("horizontal"),
        keras.layers.CenterCrop(SIDE, SIDE),
    ]


def keras_intensity() -> list[keras.layers.Layer]:
    return [
        keras.layers.CenterCrop(SIDE, SIDE),
        keras.layers.RandomBrightness(0.1, value_range=(0, 1)),
        keras.layers.RandomContrast(0.2, value_range=(0, 1)),
        keras.layers.RandomGaussianBlur(value_range=(0, 1)),
        keras.layers.RandomErasing(value_range=(0, 1)),
    ]


def _crops() -> tf.Tensor:
    return tf.random.stateless_uniform([BATCH, CROP, CROP, 1], [0, 1])


def _graph_of(layers: list[keras.layers.Layer]) -> Contender:
    @tf.function
    def run(images: tf.Tensor) -> tf.Tensor:
        for layer in layers:
            images = layer(images, training=True)
        return images

    crops = _crops()
    return lambda: run(crops).numpy()


def _projective() -> Contender:
    crops, generator = _crops(), tf.random.Generator.from_seed(0)
    transforms = tf.tile([[0.97, 0.2, 10.0, -0.2, 0.97, 30.0, 0.0, 0.0]], [BATCH, 1])

    @tf.function
    def run(images: tf.Tensor) -> tf.Tensor:
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=transforms,
            output_shape=[SIDE, SIDE],
            interpolation="BILINEAR",
            fill_mode="REFLECT",
            fill_value=0.0,
        )
        factors = generator.uniform([2, BATCH, 1, 1, 1], 0.8, 1.25)
        images = tf.clip_by_value(images * factors[0], 0.0, 1.0) ** factors[1]
        return images + 0.02 * generator.normal([BATCH, SIDE, SIDE, 1])

    return lambda: run(crops).numpy()


def _albumentations(python: str) -> dict[str, Contender]:
    """One process, and two side by side (which then do two batches)."""

    def start() -> subprocess.Popen[str]:
        worker = subprocess.Popen([python, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert worker.stdout
        assert worker.stdout.readline().strip() == "ready"
        return worker

    workers = [start(), start()]

    def run(chain: str, count: int) -> None:
        for worker in workers[:count]:
            worker.stdin.write(f"{chain}\n")
            worker.stdin.flush()
        for worker in workers[:count]:
            worker.stdout.readline()

    return {
        "albumentations cheap, one process": lambda: run("cheap", 1),
        "albumentations strong, one process": lambda: run("strong", 1),
        "albumentations strong, two processes (2 batches)": lambda: run("strong", 2),
    }


def _training_steps() -> dict[str, Contender]:
    from keras_cwp.config import ModelConfig, TrainConfig
    from keras_cwp.models.build import build_model
    from keras_cwp.training.losses import make_loss
    from keras_cwp.training.optim import make_optimizer
    from keras_cwp.training.trainee import Trainee

    def step_with(policy: str) -> Contender:
        network = build_model(ModelConfig(), 3, SIDE)
        trainee = Trainee(network, Augment(policy, SIDE, MARGIN, seed=0), ema_momentum=0.99)
        settings = TrainConfig()
        trainee.compile(make_optimizer(settings, network, 100), make_loss(settings), jit_compile=False)
        trainee.build((None, CROP, CROP, 1))
        patients = np.arange(BATCH)
        crops, labels = _crops().numpy(), np.eye(3, dtype=np.float32)[patients % 3]
        return lambda: trainee.train_on_batch((crops, patients), labels, np.ones(BATCH, np.float32))

    return {f"training x0.5 with {policy}": step_with(policy) for policy in ("none", "paper", "strong")}


def _measure(contenders: dict[str, Contender], rounds: int, images: int) -> dict[str, dict[str, float]]:
    """Each once a round, so that a slow minute of the machine falls on all."""
    for run in contenders.values():
        run()
        run()
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            began, used = time.perf_counter(), time.process_time()
            run()
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - used)
    return {
        name: {
            "images_per_s": images * (2 if "2 batches" in name else 1) / float(np.median(wall[name])),
            "cpu_ms_per_image": 0.0 if "albu" in name else 1000 * float(np.median(cpu[name])) / images,
        }
        for name in contenders
    }


def _memory(names: tuple[str, ...]) -> dict[str, float]:
    """Peak memory, MB, of a process that runs one contender, over one that only makes the crops."""
    command = [sys.executable, __file__, "--only"]
    nothing, *peaks = (
        float(subprocess.run([*command, name], check=True, capture_output=True, text=True).stdout)
        for name in ("nothing", *names)
    )
    return {name: peak - nothing for name, peak in zip(names, peaks, strict=True)}


def _print_peak(name: str) -> None:
    run = (lambda: _crops().numpy()) if name == "nothing" else _makers()[name]()
    for _ in range(4):
        run()
    # Not getrusage: its peak begins with that of the parent.
    status = Path("/proc/self/status").read_text()
    click.echo(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def _detail() -> dict[str, float]:
    """Gradient energy that is left of a film with fine grain: one resampling, and the chain with the same ranges."""
    crops = keras.ops.image.gaussian_blur(_crops(), (5, 5), (1.0, 1.0))
    ranges = {"rotation_deg": [-15, 15], "zoom": [0.87, 1.15], "shear_deg": [-2.86, 2.86], "shift": [-0.1, 0.1]}
    policy = {"operations": {name: {"range": span} for name, span in ranges.items()} | {"flip_x": {"probability": 0.5}}}
    once = Augment(policy, SIDE, MARGIN, seed=0)(crops, training=True)
    chain = crops
    for layer in keras_geometry():
        chain = layer(chain, training=True)
    energy = [float(tf.reduce_mean(tf.image.image_gradients(images)[0] ** 2)) for images in (crops, once, chain)]
    return {"energy_kept_once": energy[1] / energy[0], "energy_kept_keras_chain": energy[2] / energy[0]}


def _print(figures: dict[str, dict[str, float]]) -> None:
    detail = figures["detail"]
    click.echo(f"{'':52}{'images/s':>10}{'CPU ms/image':>14}{'memory MB':>11}")
    for name, row in figures.items():
        if name == "detail":
            continue
        memory = f"{row['memory_mb']:11.0f}" if "memory_mb" in row else ""
        cpu = f"{row['cpu_ms_per_image']:14.2f}" if row["cpu_ms_per_image"] else f"{'':14}"
        click.echo(f"{name:52}{row['images_per_s']:10.0f}{cpu}{memory}")
    click.echo(
        f"gradient energy kept: one resampling {detail['energy_kept_once']:.2f}, "
        f"Keras chain {detail['energy_kept_keras_chain']:.2f}"
    )


if __name__ == "__main__":
    main()

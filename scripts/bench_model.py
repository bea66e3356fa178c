"""Speed of the network on this CPU, everything interleaved in one process; PyTorch (extra `bench`) is the reference.

python scripts/bench_model.py [--repeats 9] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command line has it
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
import torch
from torch import nn

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model
from keras_cwp.models.deploy import deploy

SIDE, CLASSES = 224, 3


class Unit(nn.Module):
    """A plain ShuffleNet V2 unit."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        half = channels // 2
        taken = channels_in if stride == 2 else half
        self.stride = stride
        self.branch = nn.Sequential(*pointwise(taken, half), *depthwise(half, stride), *pointwise(half, half))
        self.side = nn.Sequential(*depthwise(taken, 2), *pointwise(taken, half)) if stride == 2 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = (x, x) if self.stride == 2 else x.chunk(2, 1)
        x = torch.cat([self.side(left), self.branch(right)], 1)
        batch, channels, height, width = x.shape
        return x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)


def pointwise(channels_in: int, channels: int) -> list[nn.Module]:
    return [nn.Conv2d(channels_in, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def depthwise(channels: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)]


def reference() -> nn.Module:
    """ShuffleNet V2 x0.5 without ECA, grey, channels last."""
    layers: list[nn.Module] = [nn.Conv2d(1, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU(inplace=True)]
    layers.append(nn.MaxPool2d(3, 2, 1))
    before = 24
    for channels, units in ((48, 4), (96, 8), (192, 4)):
        for number in range(units):
            layers.append(Unit(before, channels, 2 if number == 0 else 1))
            before = channels
    layers += [*pointwise(192, 1024), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, CLASSES)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def torch_step(batch: int) -> Callable[[], object]:
    model, images = reference().train(), torch_images(batch)
    labels = torch.randint(0, CLASSES, (batch,))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> object:
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_images(batch: int) -> torch.Tensor:
    return torch.rand(batch, 1, SIDE, SIDE).to(memory_format=torch.channels_last)


def torch_inference(batch: int) -> Callable[[], object]:
    model, images = reference().eval(), torch_images(batch)

    def infer() -> object:
        with torch.inference_mode():
            return model(images).sum().item()

    return infer


def keras_step(batch: int, eca: str) -> Callable[[], object]:
    model = build_model(ModelConfig.model_validate({"eca": eca, "dropout": 0.0}), CLASSES, SIDE)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-3), loss, jit_compile=False)
    images = tf.constant(np.random.default_rng(0).random((batch, SIDE, SIDE, 1), "float32"))
    labels = tf.zeros((batch,), tf.int32)
    model.make_train_function()
    data = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    return lambda: [value.numpy() for value in tf.nest.flatten(model.train_function(data))]


def keras_inference(batch: int, eca: str, rewrite: bool) -> Callable[[], object]:
    model = build_model(ModelConfig.model_validate({"eca": eca}), CLASSES, SIDE)
    model = deploy(model) if rewrite else model
    run = tf.function(lambda x: model(x, training=False), autograph=False)
    images = tf.constant(np.random.default_rng(0).random((batch, SIDE, SIDE, 1), "float32"))
    return lambda: run(images).numpy()


def measure(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Seconds of each, one after the other, round after round: median, quartiles."""
    for run in runs.values():
        run(), run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: summarise(values) for name, values in times.items()}


def summarise(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median_s": middle, "q1_s": low, "q3_s": high, "least_s": min(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    groups = {
        "training step, batch 32": {
            "PyTorch eager, channels last, no ECA": torch_step(32),
            "ours, ECA": keras_step(32, "unit"),
            "ours, no ECA": keras_step(32, "none"),
        },
        "inference, batch 32": {
            "PyTorch eager, channels last, no ECA": torch_inference(32),
            "ours as trained, ECA": keras_inference(32, "unit", False),
            "ours deployed, ECA": keras_inference(32, "unit", True),
            "ours deployed, no ECA": keras_inference(32, "none", True),
        },
        "inference, batch 1": {
            "PyTorch eager, channels last, no ECA": torch_inference(1),
            "ours deployed, ECA": keras_inference(1, "unit", True),
        },
    }
    results = {}
    for title, runs in groups.items():
        results[title] = measure(runs, options.repeats)
        first = next(iter(results[title].values()))["median_s"]
        print(f"\n{title:<40}{'median ms':>10}{'q1':>8}{'q3':>8}{'times PyTorch':>15}")
        for name, row in results[title].items():
            cells = [1000 * row[key] for key in ("median_s", "q1_s", "q3_s")]
            print(f"{name:<40}{cells[0]:>10.1f}{cells[1]:>8.1f}{cells[2]:>8.1f}{first / row['median_s']:>15.2f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

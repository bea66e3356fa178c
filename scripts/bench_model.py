"""Speed of the network on this CPU, everything interleaved in one process; PyTorch (extra `bench`) is the reference.

python scripts/bench_model.py [--repeats 9] [--json FILE] [training inference single runtime growth …]

First says the processor, and whether PyTorch multiplies and convolves as fast as TensorFlow here: where PyTorch is much
slower at these, ratios to PyTorch say little.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command line has it
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
import torch
from processor import processor
from reference_networks import basic_operations, keras_network, torch_network
from torch import nn

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model
from keras_cwp.models.deploy import deploy
from keras_cwp.models.onnx_graph import PIXELS
from keras_cwp.prediction.onnx_format import run_onnx, to_onnx
from keras_cwp.runtime import cores, import_tensorflow
from keras_cwp.serving.export import write_saved_model
from keras_cwp.training.fused_adamw import FusedAdamW
from keras_cwp.training.run import ModelContract

SIDE, CLASSES = 224, 3
CONTRACT = ModelContract(("a", "b", "c"), SIDE, 0.25, "pad", None, "")
PYTORCH = "PyTorch eager, channels last, no ECA"
COMPILED = "PyTorch compiled, channels last, no ECA"
MOST_BEHIND = 2.0  # times that PyTorch may take for one product or convolution and still be a sane reference
Run = Callable[[], object]


def check_reference(repeats: int) -> None:
    """One matrix product and one convolution by each library."""
    rows = measure(basic_operations(), repeats)
    behind = {
        what: rows[f"PyTorch, {what}"]["median_s"] / rows[f"TensorFlow, {what}"]["median_s"]
        for what in ("product", "convolution")
    }
    said = ", ".join(f"{what} {ratio:.2f}" for what, ratio in behind.items())
    sane = "a sane reference" if max(behind.values()) <= MOST_BEHIND else "NO SANE REFERENCE on this processor"
    print(f"PyTorch is {sane}: times as long as TensorFlow for one {said}")


def torch_step(batch: int, compiled: bool = False) -> Run:
    model, images = torch_network(CLASSES).train(), torch_images(batch)
    if compiled:
        model = torch.compile(model)
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


def torch_inference(batch: int) -> Run:
    model, images = torch_network(CLASSES).eval(), torch_images(batch)

    def infer() -> object:
        with torch.inference_mode():
            return model(images).sum().item()

    return infer


def network(eca: str = "unit") -> keras.Model:
    return build_model(ModelConfig.model_validate({"eca": eca, "dropout": 0.0}), CLASSES, SIDE)


def images(batch: int) -> np.ndarray:
    return np.random.default_rng(0).random((batch, SIDE, SIDE, 1), "float32")


def our_step(batch: int, eca: str = "unit") -> Run:
    return keras_step(network(eca), FusedAdamW(1e-3), batch)


def keras_step(model: keras.Model, optimizer: keras.optimizers.Optimizer, batch: int, jit_compile: bool = False) -> Run:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=jit_compile)
    model.make_train_function()
    data = tf.data.Dataset.from_tensors((tf.constant(images(batch)), tf.zeros((batch,), tf.int32))).repeat()
    batches = iter(data)
    return lambda: [value.numpy() for value in tf.nest.flatten(model.train_function(batches))]


def keras_inference(model: keras.Model, batch: int) -> Run:
    run = tf.function(lambda x: model(x, training=False), autograph=False)
    pixels = tf.constant(images(batch))
    return lambda: run(pixels).numpy()


def saved_model_inference(folder: Path, eca: str, batch: int) -> Run:
    """The `pixels` signature of what `keras-cwp export` writes."""
    place = folder / eca
    if not place.exists():
        write_saved_model(deploy(network(eca)), CONTRACT, "a", place)
    loaded = tf.saved_model.load(str(place))
    ask, pixels = loaded.signatures["pixels"], tf.constant(images(batch))
    return lambda: (loaded, ask(pixels=pixels)["probabilities"].numpy())


def onnx_inference(eca: str, batch: int) -> Run:
    """What `keras-cwp export --format onnx` writes, all images in one request to ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    content = to_onnx(network(eca), CONTRACT)
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    pixels = {PIXELS: images(batch)}
    return lambda: session.run(None, pixels)


def predict_inference(eca: str, batch: int) -> Run:
    """As predict asks ONNX Runtime: a few images at a time."""
    ask, pixels = run_onnx(to_onnx(network(eca), CONTRACT)), images(batch)
    return lambda: ask(pixels)


def training(_: Path) -> dict[str, Run]:
    return {
        PYTORCH: torch_step(32),
        COMPILED: torch_step(32, compiled=True),
        "ours, ECA": our_step(32),
        "ours, no ECA": our_step(32, "none"),
        "plain Keras, ECA, jit off": keras_step(keras_network(CLASSES, SIDE), keras.optimizers.AdamW(1e-3), 32),
        "plain Keras, ECA, XLA": keras_step(keras_network(CLASSES, SIDE), keras.optimizers.AdamW(1e-3), 32, True),
    }


def inference(folder: Path) -> dict[str, Run]:
    return {
        PYTORCH: torch_inference(32),
        "SavedModel, ECA": saved_model_inference(folder, "unit", 32),
        "SavedModel, no ECA": saved_model_inference(folder, "none", 32),
        "ours as trained, ECA": keras_inference(network(), 32),
        "plain Keras, ECA": keras_inference(keras_network(CLASSES, SIDE), 32),
    }


def single(folder: Path) -> dict[str, Run]:
    return {
        PYTORCH: torch_inference(1),
        "SavedModel, ECA": saved_model_inference(folder, "unit", 1),
        "plain Keras, ECA": keras_inference(keras_network(CLASSES, SIDE), 1),
    }


def runtime(folder: Path) -> dict[str, Run]:
    return {
        "ONNX Runtime, no ECA": onnx_inference("none", 32),
        "ONNX Runtime, ECA": onnx_inference("unit", 32),
        "ONNX Runtime as predict asks it, ECA": predict_inference("unit", 32),
        "SavedModel, ECA": saved_model_inference(folder, "unit", 32),
    }


GROUPS = {"training": training, "inference": inference, "single": single, "runtime": runtime}
GROWTH = (8, 16, 32, 64, 128)
REST_S = 0.2  # before each run: the threads of PyTorch and ONNX Runtime go on spinning for a while after theirs


def measure(runs: dict[str, Run], repeats: int) -> dict[str, dict[str, float]]:
    """Seconds of each, one after the other, round after round: median, quartiles."""
    for run in runs.values():
        run(), run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            time.sleep(REST_S)
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: summarise(values) for name, values in times.items()}


def summarise(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median_s": middle, "q1_s": low, "q3_s": high, "least_s": min(values)}


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    first = next(iter(rows.values()))["median_s"]
    print(f"\n{title:<40}{'median ms':>10}{'q1':>8}{'q3':>8}{'times the first':>17}")
    for name, row in rows.items():
        cells = [1000 * row[key] for key in ("median_s", "q1_s", "q3_s")]
        print(
            f"{name:<40}{cells[0]:>10.1f}{cells[1]:>8.1f}{cells[2]:>8.1f}{first / row['median_s']:>17.2f}", flush=True
        )


def growth(repeats: int) -> dict[str, dict[str, float]]:
    """Time per image and peak memory of training and inference over the batch size; a process for each memory."""
    rows = {}
    for kind in ("training", "inference"):
        runs = {str(batch): _growing(kind, batch) for batch in GROWTH}
        print(f"\n{kind + ', batch':<12}{'ms an image':>12}{'peak MiB above batch 8':>24}")
        peaks = {batch: _peak_mib(kind, batch) for batch in GROWTH}
        for batch, row in measure(runs, repeats).items():
            extra = {"ms_an_image": 1000 * row["median_s"] / int(batch), "peak_mib": peaks[int(batch)]}
            rows[f"{kind} {batch}"] = row | extra
            print(f"{batch:<12}{extra['ms_an_image']:>12.2f}{extra['peak_mib'] - peaks[GROWTH[0]]:>24.0f}", flush=True)
    return rows


def _growing(kind: str, batch: int) -> Run:
    return our_step(batch) if kind == "training" else keras_inference(deploy(network()), batch)


def _peak_mib(kind: str, batch: int) -> float:
    command = [sys.executable, __file__, "--peak", kind, str(batch)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def peak_mib() -> float:
    """Of this process since it was started; getrusage would count what its parent held when it forked."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, "growth", []], help="default: all")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", nargs=2, metavar=("KIND", "BATCH"), help="print the peak memory of this alone, MiB")
    options = parser.parse_args()
    import_tensorflow()
    if options.peak:
        run = _growing(options.peak[0], int(options.peak[1]))
        run(), run()
        print(peak_mib())
        return
    torch.set_num_threads(cores())
    print(processor())
    check_reference(options.repeats)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in GROUPS.items():
            if name in (options.groups or GROUPS):
                results[name] = measure(make(Path(folder)), options.repeats)
                show(name, results[name])
    if not options.groups or "growth" in options.groups:
        results["growth"] = growth(max(options.repeats // 2, 3))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

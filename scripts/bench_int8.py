"""Networks of eight-bit integers against float32, on this CPU, interleaved in one process.

    PYTHONPATH=. python scripts/bench_int8.py [--side 224] [--batch 32] [--threads 2] [ARCH …]

Needs the extra `onnx`. ONNX Runtime quantises (static, weights by channel, smallest and largest value of noise images)
and runs, eight images at a time. If OpenVINO is installed (pip install openvino), it runs the float and the QDQ file.
Prints images a second relative to ONNX Runtime's float32, and the largest change of a probability on noise, with random
weights: speed is what is measured here.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from processor import processor

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model
from keras_cwp.models.onnx_graph import PIXELS
from keras_cwp.prediction.onnx_format import to_onnx
from keras_cwp.training.run import ModelContract

CLASSES = ("a", "b", "c")
CHUNK = 8  # images at a time, as prediction/onnx_format.py asks
CALIBRATED, ROUNDS, SECONDS = 6, 15, 0.3
Run = Callable[[np.ndarray], np.ndarray]
# Type of the activations and form of the file, by name; weights are signed.
INT8 = {
    "ONNX Runtime, unsigned, QDQ": (QuantType.QUInt8, QuantFormat.QDQ),
    "ONNX Runtime, unsigned, QOperator": (QuantType.QUInt8, QuantFormat.QOperator),
    "ONNX Runtime, signed, QDQ": (QuantType.QInt8, QuantFormat.QDQ),
}


class Noise(CalibrationDataReader):
    """Images whose activations give the scales."""

    def __init__(self, side: int) -> None:
        self.images: Iterator[dict[str, np.ndarray]] = iter(
            [{PIXELS: noise(CHUNK, side, n)} for n in range(CALIBRATED)]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.images, None)


def noise(count: int, side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, side, side, 1), np.float32)


def files(arch: str, side: int, folder: Path) -> dict[str, Path]:
    """The float network and its quantised forms."""
    keras.utils.set_random_seed(1)
    network = build_model(ModelConfig(arch=arch), len(CLASSES), side)
    plain, shaped = folder / "float.onnx", folder / "shaped.onnx"
    plain.write_bytes(to_onnx(network, ModelContract(CLASSES, side, 0.25, "pad", None, "")))
    quant_pre_process(plain, shaped, skip_symbolic_shape=True)
    found = {"ONNX Runtime, float32": plain}
    for number, (name, (kind, form)) in enumerate(INT8.items()):
        found[name] = folder / f"{number}.onnx"
        options = {"quant_format": form, "activation_type": kind, "weight_type": QuantType.QInt8, "per_channel": True}
        quantize_static(shaped, found[name], Noise(side), **options)
    return found


def by_onnx_runtime(path: Path, threads: int) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {PIXELS: images})[0]


def by_openvino(path: Path, threads: int, shape: tuple[int, ...]) -> Run:
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape(shape)
    # or it would compute in bfloat16 where the processor can
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    return lambda images: request.infer({0: images})[compiled.outputs[0]]


def has_openvino() -> bool:
    try:
        import openvino  # noqa: F401
    except ImportError:
        return False
    return True


def measured(arch: str, given: Any) -> None:
    """The table of one network."""
    batch = noise(given.batch, given.side, 99)
    chunks = [batch[start : start + CHUNK] for start in range(0, given.batch, CHUNK)]
    with tempfile.TemporaryDirectory() as folder:
        found = files(arch, given.side, Path(folder))
        runs = {name: by_onnx_runtime(path, given.threads) for name, path in found.items()}
        if has_openvino():
            for name in ("ONNX Runtime, float32", "ONNX Runtime, unsigned, QDQ"):
                fitted = by_openvino(found[name], given.threads, chunks[0].shape)
                runs[name.replace("ONNX Runtime", "OpenVINO")] = fitted
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start, times = time.perf_counter(), 0
            while time.perf_counter() - start < SECONDS:
                for chunk in chunks:
                    run(chunk)
                times += 1
            seconds[name].append((time.perf_counter() - start) / times)
    reference = next(iter(runs))
    expected = runs[reference](chunks[0])
    print(f"{arch}, {given.side} px, batch {given.batch}, {given.threads} threads")
    for name, run in runs.items():
        ratios = [one / own for one, own in zip(seconds[reference], seconds[name], strict=True)]
        change = np.abs(run(chunks[0]) - expected).max()
        print(f"  {name:<36}{statistics.median(ratios):>6.2f} times the speed, changes {change:.4f}", flush=True)


def main() -> None:
    """Measure each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", nargs="*", default=["shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x2_0"])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32, help=f"a multiple of {CHUNK}, or less")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    print(processor())
    for arch in given.arch:
        measured(arch, given)


if __name__ == "__main__":
    main()

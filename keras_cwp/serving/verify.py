"""Compare an exported version, run in a fresh process, with the Keras model that it was made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.serving.decode import OK, UNREADABLE
from keras_cwp.serving.endpoints import ENDPOINTS, Endpoint
from keras_cwp.serving.samples import Samples
from keras_cwp.training.run import ModelContract

_SCRIPT = Path(__file__).with_name("check_bundle.py")
_TIMEOUT_S = 600


def verify(
    folder: Path, network: Any, contract: ModelContract, negative: str
) -> tuple[dict[str, float], dict[str, int]]:
    """Ask every signature, an unreadable row among them, and replay the warm-up records.

    Args:
        folder: the version's folder.
        network: images [B, image_size, image_size, 1] in [0, 1] → logits.

    Returns:
        Largest difference of a probability by signature, and warm-up records replayed by signature.

    Raises:
        ServingError: the bundle cannot be run, or its answers differ.
    """
    samples = Samples(network, contract, negative)
    asked = {endpoint.name: endpoint.asked(samples) for endpoint in ENDPOINTS}
    result = _ask(folder, {f"{name}/{key}": value for name, feed in asked.items() for key, value in feed.items()})
    difference = {
        endpoint.name: _compare(endpoint, endpoint.expected(samples), result["answers"][endpoint.name])
        for endpoint in ENDPOINTS
    }
    return difference, result["warmup"]


def _compare(endpoint: Endpoint, expected: np.ndarray, answer: dict[str, Any]) -> float:
    """Largest difference of the images' probabilities; a row after them must be refused, and alone.

    Raises:
        ServingError: the difference is above the bound, or the row was not refused.
    """
    found = np.array(answer[endpoint.output], dtype=float)  # null becomes NaN
    images = len(expected)
    if not np.isnan(found[images:]).all():
        raise ServingError(f"export check: signature {endpoint.name} answered bytes that are no image: {answer}")
    statuses = answer.get("status", [OK] * images)
    if statuses[:images] != [OK] * images or statuses[images:] not in ([], [UNREADABLE]):
        raise ServingError(f"export check: signature {endpoint.name} gave the statuses {statuses}")
    difference = float(np.abs(found[:images] - expected).max())
    if not difference <= endpoint.bound:
        raise ServingError(
            f"export check: signature {endpoint.name} differs from the Keras model by {difference:.2g} in a "
            f"probability, more than {endpoint.bound:g}; nothing was published"
        )
    return difference


def _ask(folder: Path, requests: dict[str, np.ndarray]) -> Any:
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch) / "inputs.npz"
        np.savez(inputs, **requests)  # type: ignore[arg-type]
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        command = [sys.executable, "-c", _SCRIPT.read_text(encoding="utf-8"), str(folder.resolve()), str(inputs)]
        try:
            done = subprocess.run(
                command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ServingError(f"export check: no answer within {_TIMEOUT_S} s; nothing was published") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ServingError(f"export check: the bundle cannot be run: {lines[-1]}; nothing was published")
    return json.loads(done.stdout.splitlines()[-1])

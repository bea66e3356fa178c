"""Compare an exported version, run in a fresh process, with the Keras model that it was made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.serving.decode import OK, UNREADABLE
from keras_cwp.serving.endpoints import ENDPOINTS, Endpoint
from keras_cwp.serving.expected import PIXELS, noise, read_answers
from keras_cwp.serving.samples import Samples
from keras_cwp.serving.server.batching import Arrays
from keras_cwp.training.run import ModelContract

_SCRIPT = Path(__file__).with_name("check_bundle.py")
_TIMEOUT_S = 600


@dataclass(frozen=True)
class Verified:
    """What the check of an exported version found.

    Args:
        difference: largest difference of a probability between the Keras model and the bundle, by signature.
        warmup: warm-up records replayed, by signature.
        answers: of the fresh process, as `expected.answers_of` orders them.
    """

    difference: dict[str, float]
    warmup: dict[str, int]
    answers: list[Arrays]


def verify(folder: Path, network: Any, contract: ModelContract, negative: str) -> Verified:
    """Ask every signature, an unreadable row among them, and replay the warm-up records.

    Args:
        folder: the version's folder.
        network: images [B, image_size, image_size, 1] in [0, 1] → logits.

    Raises:
        ServingError: the bundle cannot be run, or its answers differ.
    """
    samples = Samples(network, contract, negative)
    side = contract.image_size
    requests = [(endpoint.name, endpoint.asked(samples)) for endpoint in ENDPOINTS]
    warmup, answers = _ask(folder, [*requests, (PIXELS, {PIXELS: noise(side, side, 1)})])
    asked, of_noise, replayed = answers[: len(requests)], answers[len(requests)], answers[len(requests) + 1 :]
    difference = {
        endpoint.name: _compare(endpoint, endpoint.expected(samples), answer)
        for endpoint, answer in zip(ENDPOINTS, asked, strict=True)
    }
    return Verified(difference, warmup, [*replayed, of_noise])


def _compare(endpoint: Endpoint, expected: np.ndarray, answer: Arrays) -> float:
    """Largest difference of the images' probabilities; a row after them must be refused, and alone.

    Raises:
        ServingError: the difference is above the bound, or the row was not refused.
    """
    found = answer[endpoint.output].astype(float)
    images = len(expected)
    if not np.isnan(found[images:]).all():
        raise ServingError(f"export check: signature {endpoint.name} answered bytes that are no image: {answer}")
    statuses = [status.decode() for status in answer["status"]] if "status" in answer else [OK] * images
    if statuses[:images] != [OK] * images or statuses[images:] not in ([], [UNREADABLE]):
        raise ServingError(f"export check: signature {endpoint.name} gave the statuses {statuses}")
    difference = float(np.abs(found[:images] - expected).max())
    if not difference <= endpoint.bound:
        raise ServingError(
            f"export check: signature {endpoint.name} differs from the Keras model by {difference:.2g} in a "
            f"probability, more than {endpoint.bound:g}; nothing was published"
        )
    return difference


def _ask(folder: Path, requests: list[tuple[str, Arrays]]) -> tuple[dict[str, int], list[Arrays]]:
    """Number of warm-up records by signature; answers to the requests, then those to the records."""
    named = {
        f"{number}/{signature}/{name}": value
        for number, (signature, feed) in enumerate(requests)
        for name, value in feed.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        inputs, outputs = Path(scratch) / "inputs.npz", Path(scratch) / "outputs.npz"
        np.savez(inputs, **named)  # type: ignore[arg-type]
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        code = _SCRIPT.read_text(encoding="utf-8")
        command = [sys.executable, "-c", code, str(folder.resolve()), str(inputs), str(outputs)]
        try:
            done = subprocess.run(
                command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ServingError(f"export check: no answer within {_TIMEOUT_S} s; nothing was published") from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise ServingError(f"export check: the bundle cannot be run: {lines[-1]}; nothing was published")
        return json.loads(done.stdout.splitlines()[-1]), read_answers(outputs)

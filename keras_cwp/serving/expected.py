"""What the SavedModel answers to the warm-up requests and to noise, kept in the bundle.

A server that computes the network with another program compares its own answers with these, on each machine where it
runs. It does not load the SavedModel for that.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.files import write_bytes
from keras_cwp.serving.server.batching import Arrays
from keras_cwp.serving.server.servable import Servable
from keras_cwp.serving.server.status import Refused

EXPECTED_FILE = "assets.extra/expected_answers.npz"
_PROBES, PIXELS = 4, "pixels"


def write_expected(version: Path, answers: list[Arrays]) -> None:
    """Write EXPECTED_FILE into a version's folder.

    Args:
        answers: outputs by name, as `answers_of` orders them.

    Raises:
        CwpError: the disk refuses.
    """
    arrays = {f"{number}/{name}": value for number, answer in enumerate(answers) for name, value in answer.items()}
    texts = {name: value.astype(np.bytes_) for name, value in arrays.items() if value.dtype == object}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **(arrays | texts))  # type: ignore[arg-type]
    write_bytes(version / EXPECTED_FILE, buffer.getvalue())


def read_expected(version: Path) -> list[Arrays]:
    """What the version answered when it was exported, in the order of `answers_of`.

    Raises:
        ServingError: it cannot be read.
    """
    return read_answers(version / EXPECTED_FILE)


def read_answers(path: Path) -> list[Arrays]:
    """Outputs by name of each request of an .npz whose arrays are named `number/output`; texts are objects.

    Raises:
        ServingError: it cannot be read.
    """
    answers: dict[int, Arrays] = {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            for key in stored.files:
                number, _, name = key.partition("/")
                value = stored[key]
                answers.setdefault(int(number), {})[name] = value.astype(object) if value.dtype.kind == "S" else value
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ServingError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None
    return [answers[number] for number in sorted(answers)]


def noise(*sides: int) -> np.ndarray:
    """What is asked beside the warm-up requests, which are of even grey: float32 [4, *sides] in [0, 1]."""
    return np.random.default_rng(0).uniform(0, 1, (_PROBES, *sides)).astype(np.float32)


def answers_of(servable: Servable) -> list[Arrays]:
    """Outputs by name of each warm-up request, and last of `noise`.

    Raises:
        ServingError: one cannot be answered.
    """
    return servable.warm_up_answers() + _of_noise(servable)


def _of_noise(servable: Servable) -> list[Arrays]:
    """Answers to noise; none of a model without the signature."""
    signature = servable.signatures.get(PIXELS)
    if signature is None or list(signature.inputs) != [PIXELS]:
        return []
    sides = [dim.size for dim in signature.inputs[PIXELS].tensor_shape.dim[1:]]
    try:
        return [servable.ask(PIXELS, {PIXELS: noise(*sides)})]
    except Refused as refusal:
        raise ServingError(f"noise cannot be scored: {refusal.message}") from None

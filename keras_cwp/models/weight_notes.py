"""What a .safetensors file of weights says of itself, read without Keras; where the shipped ones lie."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from keras_cwp.config import ModelConfig
from keras_cwp.errors import ModelError

SUFFIX = ".safetensors"
ABOUT = "keras_cwp"  # attribute of a .weights.h5 file, entry of a .safetensors file: JSON of what its network is
LOOKS = "looks"  # note of a .safetensors file: fingerprints of the radiographs that it was made from, one a line
SHIPPED = Path(__file__).parent / "weights"


def shipped(arch: str) -> Path:
    """The file that `model.weights: cxr` means.

    Raises:
        ModelError: none is shipped for this architecture.
    """
    path = SHIPPED / f"{arch}_cxr{SUFFIX}"
    if not path.is_file():
        known = ", ".join(sorted(file.name.removesuffix(f"_cxr{SUFFIX}") for file in SHIPPED.glob(f"*_cxr{SUFFIX}")))
        raise ModelError(
            f"model.weights cxr: no such weights of {arch} are shipped, only of: {known or 'none'}; set model.weights "
            "to none, imagenet or a file"
        )
    return path


def read_notes(path: Path) -> dict[str, str]:
    """Everything that a .safetensors file keeps beside its tensors; {} for any other file.

    Raises:
        ModelError: it cannot be read.
    """
    if not path.name.endswith(SUFFIX):
        return {}
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except OSError as error:
        raise ModelError(f"weights {path}: {error.strerror or error}; name an existing file") from None
    except SafetensorError as error:
        raise ModelError(f"weights {path}: damaged or not a checkpoint: {error}") from None


def looks_of(config: ModelConfig) -> list[str]:
    """Fingerprints of the radiographs that `model.weights` was made from; [] where nothing says so.

    Raises:
        ModelError: the file cannot be read.
    """
    if config.weights is None or config.weights == "imagenet":
        return []
    path = shipped(config.arch) if config.weights == "cxr" else Path(config.weights)
    looks = read_notes(path).get(LOOKS)
    return looks.split("\n") if looks else []


def shipped_looks() -> list[str]:
    """The same of all weights that this package ships."""
    found = {look for path in SHIPPED.glob(f"*_cxr{SUFFIX}") for look in read_notes(path).get(LOOKS, "").split("\n")}
    return sorted(found - {""})

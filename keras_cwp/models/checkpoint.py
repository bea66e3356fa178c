"""PyTorch checkpoints and safetensors files read without PyTorch, and without running anything they contain.

Files of torch.save are read by an unpickler of our own: the only other readers are PyTorch, 200 MB and more for a few
tensors, and Python's pickle, which runs code that a file brings.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ml_dtypes  # also tells NumPy what bfloat16 is, for the reader of safetensors
import numpy as np
from safetensors.numpy import load_file

from keras_cwp.errors import ModelError

# Of torch.save before version 1.6; torchvision's published files of 2018 are still so.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read_checkpoint(path: Path | str) -> dict[str, np.ndarray]:
    """The tensors of a .pth (either format of torch.save) or .safetensors file, by name.

    A dictionary under `state_dict` or `model` is looked into; the prefix `module.` is dropped; bfloat16 becomes
    float32.

    Raises:
        ModelError: no such file, none of these formats, damaged, or holding anything besides tensors, numbers,
            strings and containers (such a file would run code in PyTorch's own reader).
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            found = _read(path, file)
    except OSError as error:
        raise ModelError(
            f"weights {path}: {error.strerror or error}; name an existing .pth or .safetensors file"
        ) from None
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged file makes pickle, zipfile or safetensors say
        raise ModelError(f"weights {path}: damaged or not a checkpoint of PyTorch: {error}") from None
    return _state(found, path)


def _read(path: Path, file: IO[bytes]) -> Any:
    if path.suffix == ".safetensors":
        return {name: _widened(tensor) for name, tensor in load_file(path).items()}
    if zipfile.is_zipfile(file):
        return _read_zip(file, path)
    file.seek(0)
    return _read_legacy(file, path)


def _state(found: Any, path: Path) -> dict[str, np.ndarray]:
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict):
        raise ModelError(f"weights {path}: expected a dictionary of tensors, got {type(found).__name__}")
    tensors = {
        str(name).removeprefix("module."): value.array() if isinstance(value, _Tensor) else value
        for name, value in found.items()
    }
    tensors = {name: value for name, value in tensors.items() if isinstance(value, np.ndarray)}
    if not tensors:
        raise ModelError(f"weights {path}: holds no tensors")
    return tensors


def _array(raw: bytes, dtype: str) -> np.ndarray:
    if dtype == "bfloat16":
        return np.frombuffer(raw, ml_dtypes.bfloat16).astype(np.float32)
    return np.frombuffer(raw, dtype)


def _itemsize(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _widened(tensor: np.ndarray) -> np.ndarray:
    return tensor.astype(np.float32) if tensor.dtype == ml_dtypes.bfloat16 else tensor


@dataclass
class _Storage:
    """Flat memory that tensors are views of. The legacy format says its content after the pickle."""

    dtype: str
    values: np.ndarray | None = None


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> np.ndarray:
        values = self.storage.values
        assert values is not None
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        empty = 0 in self.shape
        if min((self.offset, *self.shape, *self.strides)) < 0 or (not empty and last >= len(values)):
            raise ModelError(f"a tensor of shape {self.shape} reaches outside its storage of {len(values)} values")
        strides = tuple(step * values.itemsize for step in self.strides)
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides).copy()


@dataclass(frozen=True)
class _RebuildTensor:
    """Stands in for torch._utils._rebuild_tensor_v2."""

    def __call__(self, storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


@dataclass(frozen=True)
class _RebuildParameter:
    """Stands in for torch._utils._rebuild_parameter."""

    def __call__(self, data: _Tensor, *_: Any) -> _Tensor:
        return data


_ADMITTED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    **{("torch", name): dtype for name, dtype in _TORCH.items()},
}


class _Unpickler(pickle.Unpickler):
    """Knows the few names that a dictionary of tensors needs; any other is refused before it is imported."""

    def __init__(self, file: IO[bytes], path: Path, storage: Any) -> None:
        super().__init__(file)
        self._path = path
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise ModelError(
                f"weights {self._path}: refused, it asks for {module}.{name}; only tensors are read: "
                "save the model's state_dict"
            )
        return _ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count = pid[:5]
        if kind != "storage" or dtype not in _TORCH.values():
            raise ModelError(f"weights {self._path}: refused, it asks for a persistent {kind!r} of {dtype!r}")
        storage: _Storage = self._storage(dtype, key, count)
        return storage


def _read_zip(file: IO[bytes], path: Path) -> Any:
    with zipfile.ZipFile(file) as archive:
        (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = index.removesuffix("data.pkl")
        known: dict[str, _Storage] = {}

        def storage(dtype: str, key: str, count: int) -> _Storage:
            if key not in known:
                raw = archive.read(f"{folder}data/{key}")
                known[key] = _Storage(dtype, _array(raw[: count * _itemsize(dtype)], dtype))
            return known[key]

        with archive.open(index) as content:
            return _Unpickler(content, path, storage).load()


def _read_legacy(file: IO[bytes], path: Path) -> Any:
    known: dict[str, _Storage] = {}

    def storage(dtype: str, key: str, _count: int) -> _Storage:
        return known.setdefault(key, _Storage(dtype))

    def load() -> Any:
        return _Unpickler(file, path, storage).load()

    if load() != LEGACY_MAGIC:
        raise ModelError(f"weights {path}: neither a checkpoint of torch.save nor a .safetensors file")
    load(), load()  # the protocol's version and the writer's machine
    found = load()
    for key in load():
        (count,) = struct.unpack("<q", file.read(8))
        dtype = known[key].dtype
        known[key].values = _array(file.read(count * _itemsize(dtype)), dtype)
    return found

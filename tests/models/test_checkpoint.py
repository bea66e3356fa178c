from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_cwp.errors import ModelError
from keras_cwp.models.checkpoint import read_checkpoint


def write_safetensors(path: Path, tensors: dict[str, tuple[str, list[int], bytes]]) -> None:
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def write_zip(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)


class Evil:
    """Unpickled freely it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_safetensors_by_hand(tmp_path) -> None:
    path = tmp_path / "w.safetensors"
    values = np.array([[1.5, -2.0]], "<f4")
    brain = (np.array([1.0, -0.5], "<f4").view("<u4") >> 16).astype("<u2")
    write_safetensors(path, {"module.a": ("F32", [1, 2], values.tobytes()), "b": ("BF16", [2], brain.tobytes())})
    tensors = read_checkpoint(path)
    np.testing.assert_array_equal(tensors["a"], values)
    np.testing.assert_array_equal(tensors["b"], [1.0, -0.5])


@pytest.mark.parametrize("wrap", ["zip", "legacy"])
def test_code_is_refused_by_name_and_not_run(wrap: str, tmp_path) -> None:
    path, made = tmp_path / "evil.pth", tmp_path / "made"
    content = pickle.dumps({"weight": Evil(made)}, protocol=2)
    write_zip(path, content) if wrap == "zip" else path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"refused, it asks for {os.mkdir.__module__}\.mkdir; only tensors are read"):
        read_checkpoint(path)
    assert not made.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged or not a checkpoint"),
        (b"plain text", "damaged or not a checkpoint"),
        (pickle.dumps(1), "neither a checkpoint of torch.save nor"),
    ],
)
def test_other_files_are_named_as_such(content: bytes, message: str, tmp_path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_checkpoint(path)


def test_missing_file_and_no_tensors(tmp_path) -> None:
    with pytest.raises(ModelError, match="No such file or directory; name an existing"):
        read_checkpoint(tmp_path / "none.pth")
    write_zip(tmp_path / "w.pth", pickle.dumps({"epoch": 3}))
    with pytest.raises(ModelError, match="holds no tensors"):
        read_checkpoint(tmp_path / "w.pth")
    write_zip(tmp_path / "w.pth", pickle.dumps([1, 2]))
    with pytest.raises(ModelError, match="expected a dictionary of tensors, got list"):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_what_pytorch_wrote(zipped: bool, tmp_path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, which writes the file, is not installed; pip install torch")
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    kinds = {f"k{i}": base.to(kind) for i, kind in enumerate((torch.float64, torch.float16, torch.int64, torch.bool))}
    views = {"strided": base[1::2, ::3], "transposed": base.T, "scalar": base[2, 3], "shared": base}
    state = {**kinds, **views, "parameter": torch.nn.Parameter(base)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    tensors = read_checkpoint(tmp_path / "w.pth")
    assert list(tensors) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(tensors[name], tensor.detach().numpy())
        assert tensors[name].dtype == tensor.detach().numpy().dtype


def test_tensor_outside_its_storage_is_refused(tmp_path, shared) -> None:
    source = shared / "golden" / "authors_shufflenetv2_att.pth"
    path = tmp_path / "short.pth"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[:8] if "/data/" in name and len(content) > 8 else content)
    with pytest.raises(ModelError, match="reaches outside its storage of 2 values"):
        read_checkpoint(path)

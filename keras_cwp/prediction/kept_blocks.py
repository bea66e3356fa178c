"""Outcomes of blocks in files, under names that say what they are outcomes of."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.errors import CwpError, ModelError
from keras_cwp.files import file_sha256, write_text
from keras_cwp.prediction.blocks import Outcome
from keras_cwp.prediction.kept_onnx import KERAS_FILE
from keras_cwp.training.run import RunFolder, fold_folders
from keras_cwp.version import VERSION

_NAME_DIGITS = 32


class KeptBlocks:
    """A folder of outcomes. A block of another model, of other regions or of a changed radiograph has another name.

    Args:
        folder: it need not exist.
        scoring: all that decides an outcome beside the block: the model's digest and the number of views.
    """

    def __init__(self, folder: Path, scoring: tuple[str, int]) -> None:
        self.folder = folder
        self._scoring = repr((VERSION, *scoring))

    def name_of(self, block: list[Roi]) -> str:
        """The name of a block's file; the sizes and times of its radiographs are read for it."""
        digest = hashlib.sha256(self._scoring.encode())
        for roi in block:
            digest.update(repr((roi, _state(roi.path))).encode(errors="surrogateescape"))
        return f"block_{digest.hexdigest()[:_NAME_DIGITS]}.json"

    def read(self, name: str) -> Outcome | None:
        """The outcome of that name; None where there is none, or a damaged file."""
        try:
            return Outcome.of_json((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, name: str, outcome: Outcome) -> None:
        """Keep an outcome.

        Raises:
            CwpError: the disk refuses.
        """
        write_text(self.folder / name, outcome.as_json())


def remove_blocks(folder: Path) -> None:
    """Remove the folder once its outcomes are in a table.

    Raises:
        CwpError: the disk refuses.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CwpError(f"cannot remove {folder}: {error.strerror}") from None


def model_digest(path: Path, fold: int | None = None) -> str:
    """SHA-256 over all files that a model's answers come from.

    Raises:
        ModelError: one that cannot be read.
    """
    digest = hashlib.sha256(repr(fold).encode())
    try:
        for file in sorted(_files(path)):
            digest.update(f"{file.name} {file_sha256(file)}\n".encode(errors="surrogateescape"))
    except OSError as error:
        raise ModelError(f"MODEL {path}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def _files(path: Path) -> Iterable[Path]:
    """Of a file: itself and its notes; of a RUN: its networks and theirs; of an exported model: everything."""
    if path.is_file():
        return [path, *_notes(path.parent)]
    folders = [path, *fold_folders(path).values()]
    if any((folder / KERAS_FILE).is_file() for folder in folders):
        own = RunFolder(path).model_folders()
        return [file for folder in own for file in (*folder.glob("model.*"), *_notes(folder))]
    return [file for file in path.rglob("*") if file.is_file()]


def _notes(folder: Path) -> list[Path]:
    return [file for file in folder.glob("*.json") if not file.name.startswith("model.")]


def _state(path: Path) -> tuple[int, int]:
    """Size and time of a file; one that is not there changes when it comes."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns

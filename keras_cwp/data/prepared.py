"""The prepared data set: `dataset.json`, `manifest.csv` and `crops.npy`, and how they are opened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.data.crop_file import CROPS_FILE, CropReader
from keras_cwp.data.films import FILM_DTYPE, FILM_PX, FILMS_FILE
from keras_cwp.data.manifest import RATING, READING, Manifest, read_manifest
from keras_cwp.errors import DataError
from keras_cwp.files import file_sha256
from keras_cwp.scores import UNKNOWN_LABEL

FORMAT_VERSION = 3
LEFT_OUT = "left_out"  # counts of what the data set was prepared without, see left_out.py
_NOT_HASHED = ("data_hash", "salt", LEFT_OUT)
DATASET_FILE, MANIFEST_FILE = "dataset.json", "manifest.csv"


@dataclass(frozen=True, eq=False)
class PreparedData:
    """An opened data set. Pixels stay on disk; `read` fetches them.

    Args:
        classes: in the order of every table and model.
        image_size: side of the network's input, pixels.
        margin: context kept on each side of a crop, pixels.
        manifest: one row a ROI; the row index is what `rows` means everywhere.
        meta: dataset.json.
    """

    path: Path
    classes: tuple[str, ...]
    image_size: int
    margin: int
    manifest: Manifest
    meta: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path | str, verify: bool = True) -> PreparedData:
        """Open a folder that `prepare` wrote.

        Args:
            verify: compare every file with the hashes kept in dataset.json.

        Raises:
            DataError: not such a folder, of another format version, or damaged.
        """
        path = Path(path)
        meta = _read_meta(path)
        try:
            data = cls(
                path=path,
                classes=tuple(meta["classes"]),
                image_size=int(meta["image_size"]),
                margin=(int(meta["crop_size"]) - int(meta["image_size"])) // 2,
                manifest=read_manifest(path / MANIFEST_FILE),
                meta=meta,
            )
            data._check(verify)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(f"data set {path}: damaged ({error!r}); prepare it again") from None
        return data

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def crop_size(self) -> int:
        return self.image_size + 2 * self.margin

    @property
    def dtype(self) -> np.dtype:
        """uint8 or uint16 (little-endian): how pixels are stored; their greatest value is 1.0."""
        return np.dtype(self.meta["dtype"]).newbyteorder("<")

    @property
    def content_hash(self) -> str:
        """Hash over classes, geometry, manifest and pixels."""
        return str(self.meta["data_hash"])

    @cached_property
    def labels(self) -> np.ndarray:
        """int64 [rois], index into `classes`."""
        index = {name: number for number, name in enumerate(self.classes)}
        return np.array([index[name] for name in self.label_names.tolist()], dtype=np.int64)

    @cached_property
    def label_names(self) -> np.ndarray:
        """str [rois], the class of each ROI by its name."""
        return self.manifest.texts("label")

    @cached_property
    def readers(self) -> tuple[str, ...]:
        """Names of the readers whose labels were kept, sorted; () where the ROI table names fewer than two."""
        return tuple(sorted(name.removeprefix(READING) for name in self.manifest.extra if name.startswith(READING)))

    @cached_property
    def readings(self) -> np.ndarray:
        """int64 [rois, readers], index into `classes`; UNKNOWN_LABEL where a reader has not labelled the ROI."""
        index = {name: number for number, name in enumerate(self.classes)} | {"": UNKNOWN_LABEL}
        columns = [[index[name] for name in self.manifest.texts(READING + one).tolist()] for one in self.readers]
        return np.array(columns, dtype=np.int64).reshape(len(self.readers), len(self)).T

    @cached_property
    def ratings(self) -> np.ndarray:
        """float64 [rois, readers], how sure each reader is of disease; NaN where the ROI table does not say."""
        texts = [self.manifest.texts(RATING + one) for one in self.readers]
        return np.array([np.where(own == "", "nan", own).astype(float) for own in texts]).reshape(-1, len(self)).T

    @property
    def shares(self) -> np.ndarray:
        """float32 [rois, classes]: the share of a ROI's readers who gave each class; without readers its label."""
        own = np.eye(len(self.classes), dtype=np.float32)[self.labels]
        counts = (self.readings[:, :, None] == np.arange(len(self.classes))).sum(axis=1).astype(np.float32)
        read = counts.sum(axis=1, keepdims=True)
        return np.where(read > 0, counts / np.maximum(read, 1), own)

    @cached_property
    def patients(self) -> np.ndarray:
        """str [rois], the ids as the ROI table has them."""
        return self.manifest.texts("patient_id")

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Stored crops [len(rows), crop_size, crop_size] in `dtype`, in the order asked for.

        Raises:
            DataError: crops.npy is missing or was cut short.
        """
        return self._crops.read(np.asarray(rows))

    @property
    def has_films(self) -> bool:
        """Whether small pictures of the radiographs were kept; an earlier version kept none."""
        return (self.path / FILMS_FILE).is_file()

    def read_films(self, rows: np.ndarray) -> np.ndarray:
        """Small pictures uint8 [len(rows), 96, 96] of the radiographs that rows of the manifest are of.

        They are stretched to squares, and are no part of `content_hash`.

        Raises:
            DataError: films.npy is missing or was cut short.
        """
        return self._films.read(self._film_of_row[rows])

    @cached_property
    def _films(self) -> CropReader:
        return CropReader(self.path / FILMS_FILE, (int(self._film_of_row.max()) + 1, FILM_PX, FILM_PX), FILM_DTYPE)

    @cached_property
    def _film_of_row(self) -> np.ndarray:
        """int64 [rois]: radiographs in the order in which the manifest first names them."""
        places: dict[str, int] = {}
        return np.array([places.setdefault(image, len(places)) for image in self.manifest.texts("image").tolist()])

    @cached_property
    def _crops(self) -> CropReader:
        return CropReader(self.path / CROPS_FILE, (len(self), self.crop_size, self.crop_size), self.dtype)

    def _check(self, verify: bool) -> None:
        if len(self) == 0:
            raise DataError(f"data set {self.path}: {MANIFEST_FILE} has no rows; prepare it again")
        _ = self.labels, self.readings  # a label that is not of the classes is a KeyError
        _ = self._crops  # missing or damaged is a DataError
        if verify and file_sha256(self.path / CROPS_FILE) != self.meta["crops_sha256"]:
            raise DataError(f"data set {self.path}: {CROPS_FILE} is damaged; prepare it again")
        if verify and hash_of(self.meta, self.path / MANIFEST_FILE) != self.content_hash:
            raise DataError(
                f"data set {self.path}: {DATASET_FILE} or {MANIFEST_FILE} was changed by hand; prepare it again"
            )


def hash_of(meta: Mapping[str, Any], manifest: Path) -> str:
    """The `data_hash` of a data set: over all but salt and `left_out`; dataset.json holds the hash of crops.npy."""
    kept = {name: value for name, value in meta.items() if name not in _NOT_HASHED}
    return hashlib.sha256((json.dumps(kept, sort_keys=True) + file_sha256(manifest)).encode()).hexdigest()


def is_prepared(path: Path | str) -> bool:
    """Whether a folder says of itself that it is a prepared data set."""
    return (Path(path) / DATASET_FILE).is_file()


def _read_meta(path: Path) -> dict[str, Any]:
    if not is_prepared(path):
        raise DataError(f"data set {path}: no {DATASET_FILE} in it; give a folder that `keras-cwp prepare` wrote")
    try:
        meta = json.loads((path / DATASET_FILE).read_text(encoding="utf-8"))
        version = meta["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"data set {path}: {DATASET_FILE} cannot be read: {error!r}; prepare it again") from None
    if version != FORMAT_VERSION:
        raise DataError(
            f"data set {path}: format version {version}, this program reads {FORMAT_VERSION}; prepare it again"
        )
    return meta

"""Decoding radiographs and cutting their ROIs, in several processes, and only where something changed."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Box
from keras_cwp.data.crops import crop_roi
from keras_cwp.data.cut_on_cluster import cut_on_cluster
from keras_cwp.data.films import film_of
from keras_cwp.data.fingerprints import look_of
from keras_cwp.data.manifest import ManifestRow
from keras_cwp.data.picture import Picture
from keras_cwp.data.plan import Plan
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.radiographs.radiograph import decode, read_bytes
from keras_cwp.errors import DataError
from keras_cwp.files import file_sha256
from keras_cwp.runtime import keep_freed_memory, leave_with_parent

_CHUNK, _CHUNK_ROIS = 8, 256  # radiographs handed to a process at a time, fewer where they have many ROIs
_AHEAD = 4  # chunks under way for each process; bounds memory
_LEAST_FOR_PROCESSES = 64  # below so many radiographs starting processes takes longer than they save


class Source(NamedTuple):
    """What identifies a radiograph: the hash of its file, and `fingerprints.look_of` its pixels."""

    sha256: str
    look: str


@dataclass(frozen=True)
class Crops:
    """What one radiograph gave: crops [rois of it, crop, crop] and `films.film_of` it as they are stored, and
    `Radiograph.notes`.
    """

    source: Source
    crops: np.ndarray
    film: np.ndarray
    notes: tuple[str, ...] = ()


def geometry(config: DataConfig, crop_size: int, dtype: str) -> dict[str, object]:
    """Everything besides file and box that a crop's pixels depend on, as dataset.json keeps it."""
    names = ("image_size", "context", "square", "spacing_mm", "voi", "window")
    return {name: getattr(config, name) for name in names} | {"crop_size": crop_size, "dtype": dtype}


def cut_all(
    plan: Plan,
    config: DataConfig,
    workers: int,
    old: PreparedData | None,
    progress: Callable[[int, int], None],
    cluster: str | None = None,
) -> Iterator[tuple[Picture, Crops | DataError]]:
    """Each radiograph of the plan with its crops, or with the reason why it has none, in the plan's order.

    Args:
        workers: processes; 1 works in this one.
        old: a data set whose crops are taken over where file, box and geometry are the same.
        cluster: address of a Ray cluster that works instead; see `cluster.connected`.

    Raises:
        DataError: a process that was killed.
        CwpError: see `cluster.on_actors`.
    """
    earlier = _Earlier(old, plan, config)
    total = len(plan.pictures)
    chunks = _chunks(plan.pictures)
    if cluster is not None:
        results = _on_cluster(chunks, plan, config, cluster, earlier)
    elif workers > 1 and total >= _LEAST_FOR_PROCESSES:
        results = _in_processes(chunks, plan, config, workers, earlier)
    else:
        results = ([_take_or_cut(picture, plan, config, earlier) for picture in chunk] for chunk in chunks)
    done = 0
    for chunk, crops in zip(chunks, results, strict=True):
        yield from zip(chunk, crops, strict=True)
        done += len(chunk)
        progress(done, total)


def _chunks(pictures: list[Picture]) -> list[list[Picture]]:
    chunks: list[list[Picture]] = [[]]
    rois = 0
    for picture in pictures:
        rois += len(picture.rows)
        if chunks[-1] and (len(chunks[-1]) == _CHUNK or rois > _CHUNK_ROIS):
            chunks.append([])
            rois = len(picture.rows)
        chunks[-1].append(picture)
    return chunks


def cut_picture(picture: Picture, boxes: list[Box], margin: int, dtype: str, config: DataConfig) -> Crops:
    """Decode one radiograph and cut its ROIs.

    Args:
        boxes: one a ROI, in the radiograph's pixels.

    Raises:
        DataError: it cannot be decoded, or differs in size from what its header said.
    """
    content = read_bytes(picture.path, config.max_pixels)
    radiograph = decode(content, picture.path, config)
    height, width = radiograph.pixels.shape
    if (width, height) != (picture.header.width, picture.header.height):
        raise DataError(
            f"image {picture.path}: decodes to {width} × {height}, its header says "
            f"{picture.header.width} × {picture.header.height}"
        )
    white = np.iinfo(dtype).max
    side = config.side_px + 2 * margin
    crops = np.empty((len(boxes), side, side), dtype=dtype)
    for crop, box in zip(crops, boxes, strict=True):
        values = crop_roi(radiograph.pixels, box, config.side_px, margin, config.square, picture.field_px)
        crop[...] = _rounded(values, white / radiograph.white, white)
    source = Source(hashlib.sha256(content).hexdigest(), look_of(radiograph.pixels))
    return Crops(source, crops, film_of(radiograph.pixels, radiograph.white), radiograph.notes)


def _rounded(values: np.ndarray, factor: float, white: int) -> np.ndarray:
    """Whole numbers from 0 to white; `values` stay, for they may be a part of the radiograph itself."""
    scaled = values * factor
    return np.clip(np.rint(scaled, out=scaled), 0, white, out=scaled)


class _Earlier:
    """Crops of an earlier data set, by radiograph and box."""

    def __init__(self, old: PreparedData | None, plan: Plan, config: DataConfig) -> None:
        wanted = geometry(config, plan.crop_size, plan.dtype)
        same = old is not None and old.has_films and all(old.meta.get(name) == value for name, value in wanted.items())
        self._data = old if same else None
        rows: Iterable[ManifestRow] = old.manifest if old is not None and same else ()
        self._rows = {(r.image, r.x, r.y, r.width, r.height, r.spacing_mm): i for i, r in enumerate(rows)}

    def take(self, picture: Picture, boxes: list[Box]) -> Crops | None:
        """The crops of a radiograph whose file and boxes are as they were, else None."""
        known = self.rows_of(picture, boxes)
        return None if known is None else self.crops_of(picture, known)

    def rows_of(self, picture: Picture, boxes: list[Box]) -> list[int] | None:
        """Rows of the earlier data set that hold such crops; its file is read for it."""
        rows = [self._rows.get((picture.image, *box, picture.spacing_mm)) for box in boxes]
        known = [row for row in rows if row is not None]
        if self._data is None or len(known) < len(rows):
            return None
        found = [self._data.manifest[row] for row in known]
        sha256 = found[0].file_sha256
        if any(row.file_sha256 != sha256 for row in found) or _hash(picture.path) != sha256:
            return None
        return known

    def crops_of(self, picture: Picture, known: list[int]) -> Crops:
        """The crops in the rows that `rows_of` found."""
        assert self._data is not None
        first = self._data.manifest[known[0]]
        source = Source(first.file_sha256, first.look)
        crops = self._data.read(np.array(known)).astype(self._data.meta["dtype"])
        return Crops(source, crops, self._data.read_films(np.array(known[:1]))[0], picture.header.notes)


def _hash(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise DataError(f"image {path}: cannot be read: {error.strerror}") from None


def _take_or_cut(picture: Picture, plan: Plan, config: DataConfig, earlier: _Earlier) -> Crops | DataError:
    boxes = _boxes(picture, plan)
    return earlier.take(picture, boxes) or _tried(picture, boxes, plan.margin, plan.dtype, config)


def _tried(picture: Picture, boxes: list[Box], margin: int, dtype: str, config: DataConfig) -> Crops | DataError:
    """What `cut_picture` gives or raises; the other radiographs go on."""
    try:
        return cut_picture(picture, boxes, margin, dtype, config)
    except DataError as error:
        return error


def _in_processes(
    chunks: list[list[Picture]], plan: Plan, config: DataConfig, workers: int, earlier: _Earlier
) -> Iterator[list[Crops | DataError]]:
    """The same by several processes; spawned, not forked, for a fork of TensorFlow's threads can hang."""
    waiting: deque[tuple[list[Crops | None], Future[list[Crops | DataError]]]] = deque()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin) as pool:
        try:
            for chunk in chunks:
                tasks = [(picture, _boxes(picture, plan)) for picture in chunk]
                taken = [earlier.take(picture, boxes) for picture, boxes in tasks]
                left = [task for task, crops in zip(tasks, taken, strict=True) if crops is None]
                waiting.append((taken, pool.submit(_cut_chunk, left, plan.margin, plan.dtype, config)))
                if len(waiting) > _AHEAD * workers:
                    yield _merged(*waiting.popleft())
            while waiting:
                yield _merged(*waiting.popleft())
        except BrokenProcessPool:
            raise DataError(
                "a process that cut crops was killed, perhaps for lack of memory; try --workers 1"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _on_cluster(
    chunks: list[list[Picture]], plan: Plan, config: DataConfig, address: str, earlier: _Earlier
) -> Iterator[list[Crops | DataError]]:
    """The same on a cluster; of an earlier data set only the numbers of rows are held until their turn comes."""
    known = [[earlier.rows_of(picture, _boxes(picture, plan)) for picture in chunk] for chunk in chunks]
    tasks = [
        [(picture, _boxes(picture, plan)) for picture, rows in zip(chunk, found, strict=True) if rows is None]
        for chunk, found in zip(chunks, known, strict=True)
    ]
    cut = cut_on_cluster([task for task in tasks if task], _cut_chunk, plan.margin, plan.dtype, config, address)
    for chunk, found, task in zip(chunks, known, tasks, strict=True):
        fresh = iter(next(cut) if task else [])
        yield [
            next(fresh) if rows is None else earlier.crops_of(picture, rows)
            for picture, rows in zip(chunk, found, strict=True)
        ]


def _boxes(picture: Picture, plan: Plan) -> list[Box]:
    return [plan.boxes[row] for row in picture.rows]


def _begin() -> None:
    """In a new process: keep memory for the next radiograph, and end with the parent."""
    keep_freed_memory()
    leave_with_parent()


def _merged(taken: list[Crops | None], future: Future[list[Crops | DataError]]) -> list[Crops | DataError]:
    cut = iter(future.result())
    return [crops if crops is not None else next(cut) for crops in taken]


def _cut_chunk(
    tasks: list[tuple[Picture, list[Box]]], margin: int, dtype: str, config: DataConfig
) -> list[Crops | DataError]:
    return [_tried(picture, boxes, margin, dtype, config) for picture, boxes in tasks]

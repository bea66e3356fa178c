"""Heat maps of the regions that the user names, as pictures with an index."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy import special

from keras_cwp.augment.geometry import central_slice
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.crops import margin_px
from keras_cwp.errors import DataError, ModelError
from keras_cwp.explain.heat_maps import answers_and_maps
from keras_cwp.explain.overlay import side_by_side
from keras_cwp.files import new_folder, write_bytes, write_text
from keras_cwp.prediction.regions import cut_regions
from keras_cwp.prediction.whole_image import check_whole_images
from keras_cwp.training.run import ModelContract

INDEX_FILE = "index.csv"
_COLUMNS = ("file", "roi_id", "image", "class", "probability", "method")
_BATCH = 16


@dataclass(frozen=True)
class Explanation:
    """One region: the class that its map is of, that class's probability, and the picture as PNG bytes."""

    roi: Roi
    class_name: str
    probability: float
    picture: bytes


def explain(
    network: Any,
    contract: ModelContract,
    regions: list[Roi],
    out: Path,
    *,
    method: str,
    class_name: str | None,
    whole_image: bool = False,
    note: Callable[[str], None] = lambda _: None,
    refuse: Callable[[DataError, int], None],
    progress: Callable[[int, int], None] = lambda *_: None,
) -> int:
    """Write one picture a region, the crop beside itself with its map over it, and index.csv.

    Args:
        network: images [B, image_size, image_size, 1] → logits [B, classes].
        out: a new folder.
        method: see `heat_maps.METHODS`.
        class_name: the class to explain; None: for each region the most probable one.
        whole_image: see `whole_image.check_whole_images`.
        note: gets a line on whole images, and one for each oddity of the radiographs.
        refuse, progress: see `regions.cut_regions`.

    Returns:
        Number of pictures.

    Raises:
        ModelError: an unknown class or method.
        DataError: images without a box for a model of regions.
        CwpError: `out` exists and is not empty.
    """
    if class_name is not None and class_name not in contract.classes:
        raise ModelError(f"--class {class_name!r} is not of the model; it has {', '.join(contract.classes)}")
    check_whole_images(regions, contract, whole_image, note)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    number = 0
    with new_folder(out) as folder:
        crops = cut_regions(regions, contract, refuse, progress, note)
        while some := list(islice(crops, _BATCH)):
            for found in _explain_batch(network, contract, some, method, class_name):
                number += 1
                file = f"{number:04d}_{found.roi.path.stem}.png"
                write_bytes(folder / file, found.picture)
                row = (file, found.roi.roi_id, found.roi.image, found.class_name, f"{found.probability:.6g}", method)
                writer.writerow(row)
        write_text(folder / INDEX_FILE, text.getvalue())
    return number


def _explain_batch(
    network: Any, contract: ModelContract, some: list[tuple[Roi, np.ndarray]], method: str, class_name: str | None
) -> list[Explanation]:
    size = contract.image_size
    images = central_slice(np.stack([crop for _, crop in some]), size, margin_px(size, contract.context))
    wanted = None if class_name is None else contract.classes.index(class_name)
    logits, maps = answers_and_maps(network, images, wanted, method)
    probabilities = special.softmax(logits, axis=1)
    chosen = probabilities.argmax(axis=1) if wanted is None else np.full(len(some), wanted)
    return [
        Explanation(roi, contract.classes[index], row[index], _png(side_by_side(image[..., 0], heat)))
        for (roi, _), index, row, image, heat in zip(some, chosen, probabilities, images, maps, strict=True)
    ]


def _png(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])

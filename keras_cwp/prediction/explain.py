"""Heat maps of the regions that the user names, as pictures with an index."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
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
from keras_cwp.explain.common_scale import on_one_scale, small_map
from keras_cwp.explain.overlay import side_by_side, with_bar
from keras_cwp.explain.trust import randomised, try_maps
from keras_cwp.files import new_folder, write_bytes, write_text
from keras_cwp.models.mean import mapped_network
from keras_cwp.prediction.regions import cut_regions
from keras_cwp.prediction.whole_image import check_whole_images
from keras_cwp.training.run import ModelContract
from keras_cwp.wording import plural

INDEX_FILE = "index.csv"
_COLUMNS = ("file", "roi_id", "image", "class", "probability", "method", "map")
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Explanation:
    """One region: the class that its map is of, and that class's probability.

    Args:
        grey: uint8 [side, side], as the network sees it.
        heat: raw map, small; None: withheld, for it did no better than maps of random weights.
    """

    roi: Roi
    class_name: str
    probability: float
    grey: np.ndarray
    heat: np.ndarray | None


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

    All maps have one scale, which a colour bar below each picture shows. A map that does no better than maps of random
    weights is withheld (see `explain.trust`): both halves of its picture are the crop, and index.csv says so.

    Args:
        network: images [B, image_size, image_size, 1] → logits [B, classes]. Of a mean of networks, the maps are of the
            first.
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
    with new_folder(out) as folder:
        found: list[Explanation] = []
        twins = randomised(mapped_network(network))
        crops = cut_regions(regions, contract, refuse, progress, note)
        while some := list(islice(crops, _BATCH)):
            found += _explain_batch(network, twins, contract, some, method, class_name)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        maps = on_one_scale([each.heat for each in found])
        for number, (each, heat) in enumerate(zip(found, maps, strict=True), start=1):
            file = f"{number:04d}_{each.roi.path.stem}.png"
            write_bytes(folder / file, _png(with_bar(side_by_side(each.grey / 255, heat))))
            shown = "withheld" if heat is None else "shown"
            row = (file, each.roi.roi_id, each.roi.image, each.class_name, f"{each.probability:.6g}", method, shown)
            writer.writerow(row)
        write_text(folder / INDEX_FILE, text.getvalue())
    if withheld := sum(heat is None for heat in maps):
        note(f"{plural(withheld, 'heat map')} of {len(maps):,} withheld: no better than maps of random weights")
    return len(found)


def _explain_batch(
    network: Any,
    twins: Sequence[Any],
    contract: ModelContract,
    some: list[tuple[Roi, np.ndarray]],
    method: str,
    class_name: str | None,
) -> list[Explanation]:
    size = contract.image_size
    images = central_slice(np.stack([crop for _, crop in some]), size, margin_px(size, contract.context))
    wanted = None if class_name is None else contract.classes.index(class_name)
    logits = np.asarray(network(images, training=False), dtype=np.float64)
    chosen = logits.argmax(axis=1) if wanted is None else np.full(len(some), wanted)
    probabilities = special.softmax(logits, axis=1)
    tried = try_maps(mapped_network(network), twins, images, chosen, method)
    return [
        Explanation(
            roi,
            contract.classes[index],
            row[index],
            np.rint(image[..., 0] * 255).astype(np.uint8),
            small_map(heat) if beats else None,
        )
        for (roi, _), index, row, image, heat, beats in zip(
            some, chosen, probabilities, images, tried.maps, tried.beats, strict=True
        )
    ]


def _png(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])

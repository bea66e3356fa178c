"""From what the user names (images, folders, a ROI table) to crops as the network saw them in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from typing_extensions import Unpack

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.options import TableOptions
from keras_cwp.data.annotations.read import read_rois
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.crops import crop_roi, margin_px
from keras_cwp.data.image_files import IMAGE_SUFFIXES
from keras_cwp.data.plan import place_box
from keras_cwp.data.radiographs.notes import lines_of
from keras_cwp.data.radiographs.radiograph import Header, Radiograph, read_radiograph
from keras_cwp.data.radiographs.spacing import spacing_from
from keras_cwp.errors import DataError
from keras_cwp.prediction.folders import image_files
from keras_cwp.training.run import ModelContract

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".xml")


def _stop(error: DataError, _: int) -> None:
    raise error


def find_regions(
    inputs: list[Path],
    rois: Path | None = None,
    images: Path | None = None,
    refuse: Callable[[DataError, int], None] = _stop,
    note: Callable[[str], None] = lambda _: None,
    left_out: Callable[[DataError, int], None] | None = None,
    **table: Unpack[TableOptions],
) -> list[Roi]:
    """What to score, each once, in the order named.

    Args:
        inputs: images (the whole image is the region), folders (every radiograph in them and below), ROI tables.
        rois: one more ROI table.
        images: folder of the tables' images; None: where the table lies.
        refuse: gets an error for each image in a folder whose type is not read, and 1; by default it is raised.
        note: gets a line where a folder holds files that are no images.
        left_out: gets an error for each entry of a table that skip_bad leaves out, and 1; None: one note counts them.
        table: see `read_rois`.

    Returns:
        Regions; label "" and patient None where nobody stated them.

    Raises:
        DataError: something that is not there, a table that cannot be read, nothing to score, a name given twice.
    """
    tables = [path for path in [*inputs, *([rois] if rois else [])] if _is_table(path) or path == rois]
    found: list[Roi] = []
    for path in [*inputs, *([rois] if rois else [])]:
        if path in tables:
            found += read_rois(path, images or path.parent, to_predict=True, left_out=left_out, note=note, **table)
        else:
            found += [_whole(file) for file in image_files(path, refuse, note)]
    unique = {(roi.roi_id, roi.path): roi for roi in found}
    if not unique:
        raise DataError(f"nothing to score in {', '.join(map(str, inputs))}; looked for {', '.join(IMAGE_SUFFIXES)}")
    counts = Counter(roi.roi_id for roi in unique.values())
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        raise DataError(f"roi_id {repeated[0]!r} stands in several of the inputs; score them one by one")
    return list(unique.values())


def cut_regions(
    regions: list[Roi],
    contract: ModelContract,
    refuse: Callable[[DataError, int], None],
    progress: Callable[[int, int], None] = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[Roi, np.ndarray]]:
    """Each region with its crop, radiograph by radiograph; one that cannot be used is reported and left out.

    Args:
        refuse: gets the error and the number of regions lost to it.
        progress: gets regions done and in all.
        note: gets, at the end, a line for each oddity of the radiographs.

    Yields:
        Region and crop as `cut` gives it.
    """
    said: dict[str, tuple[str, ...]] = {}
    yield from cut_each(regions, contract, refuse, progress, said)
    for line in lines_of(said):
        note(line)


def cut_each(
    regions: list[Roi],
    contract: ModelContract,
    refuse: Callable[[DataError, int], None],
    progress: Callable[[int, int], None],
    said: dict[str, tuple[str, ...]],
) -> Iterator[tuple[Roi, np.ndarray]]:
    """The same, for a caller who gathers the oddities of several calls.

    Args:
        said: gets the oddities of each radiograph, by its name.
    """
    rules = DataConfig(voi=contract.voi, window=contract.window)
    by_file: dict[Path, list[Roi]] = {}
    for roi in regions:
        by_file.setdefault(roi.path, []).append(roi)
    done = 0
    for path, of_file in by_file.items():
        try:
            radiograph = read_radiograph(path, rules)
            said[of_file[0].image] = radiograph.notes
        except DataError as error:
            refuse(error, len(of_file))
            of_file = []
        for roi in of_file:
            try:
                yield roi, cut(radiograph, roi, contract)
            except DataError as error:
                refuse(error, 1)
        done += len(by_file[path])
        progress(done, len(regions))


def cut(radiograph: Radiograph, roi: Roi, contract: ModelContract) -> np.ndarray:
    """The training crop of one region, context included, which data/prepare stores rounded.

    Returns:
        float32 [image_size + 2 margin, image_size + 2 margin, 1] in [0, 1].

    Raises:
        DataError: its box lies outside the radiograph.
    """
    height, width = radiograph.pixels.shape
    box, _ = place_box(roi, Header(width=width, height=height, bits=radiograph.bits))
    crop = crop_roi(
        radiograph.pixels,
        box,
        contract.image_size,
        margin_px(contract.image_size, contract.context),
        contract.square,  # type: ignore[arg-type]
        field_px(radiograph.spacing_mm, roi, contract),
    )
    return (crop[..., None] / np.float32(radiograph.white)).clip(0, 1)


def field_px(spacing_mm: float | None, roi: Roi, contract: ModelContract) -> float | None:
    """Side of the region in the radiograph's pixels, where the model was trained at one spacing.

    Args:
        spacing_mm: as the radiograph's file says; what the ROI table says comes first.
    """
    stated = roi.extra.get("spacing_mm")
    spacing = spacing_from(stated, roi.where) if stated else spacing_mm
    if not contract.spacing_mm or not spacing:
        return None
    return contract.image_size * contract.spacing_mm / spacing


def _whole(path: Path) -> Roi:
    name = path.as_posix()
    return Roi(image=name, path=path, patient_id=None, label="", box=None, roi_id=name, where=name)


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in TABLE_SUFFIXES and path.is_file()

"""The regions that a caller wants scored or explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import TypedDict

from keras_cwp.api.progress import notes_to
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console

PathLike = Path | str
Inputs = PathLike | Sequence[PathLike]
Refuse = Callable[[DataError, int], None]


class Asking(TypedDict, total=False):
    """Keywords of every function that takes regions.

    Args:
        boxes: (x, y, width, height) in pixels of the full radiograph, 0-based, end-exclusive; with one radiograph.
        rois: one more ROI table.
        images: folder of the ROI table's images; None: where the table lies.
        table: how to read ROI tables: keywords of `keras_cwp.data.annotations.read.read_rois`, such as skip_bad,
            label_attribute and image_by. What skip_bad leaves out goes to `refuse`, or to `console` where it is None.
        whole_image: state that images without a box are meant, for a model that was trained on smaller regions.
        refuse: gets the error and the number of regions lost to it; None: the first error is raised.
        console: prints notes and a progress bar; None prints nothing.
    """

    boxes: Iterable[Box] | None
    rois: PathLike | None
    images: PathLike | None
    table: Mapping[str, Any]
    whole_image: bool
    refuse: Refuse | None
    console: Console | None


class Asked(NamedTuple):
    """Regions, and who hears of those that are left out and of notes."""

    regions: list[Roi]
    lost: Lost
    note: Callable[[str], None]


class Lost:
    """Counts regions that are left out; without a caller who wants them, the first is an error."""

    def __init__(self, refuse: Refuse | None) -> None:
        self.count = 0
        self._refuse = refuse

    def __call__(self, error: DataError, regions: int) -> None:
        if self._refuse is None:
            raise error
        self.count += regions
        self._refuse(error, regions)


def regions_of(inputs: Inputs, asking: Asking) -> Asked:
    """The regions that a caller names, and what is told on the way.

    Raises:
        DataError: something that is not there, or boxes without exactly one radiograph.
    """
    from keras_cwp.prediction.regions import find_regions

    lost, note = Lost(asking.get("refuse")), notes_to(asking.get("console"))
    paths = [Path(inputs)] if isinstance(inputs, str | Path) else [_path(each) for each in inputs]
    boxes, rois, images = asking.get("boxes"), asking.get("rois"), asking.get("images")
    if boxes is None:
        found = find_regions(
            paths,
            Path(rois) if rois else None,
            Path(images) if images else None,
            lost,
            note,
            left_out=lost if asking.get("refuse") else None,
            **asking.get("table", {}),
        )
        return Asked(found, lost, note)
    if len(paths) != 1 or not paths[0].is_file() or rois is not None:
        raise DataError(f"boxes go with one radiograph, got {', '.join(map(str, paths)) or 'none'}")
    name = paths[0].as_posix()
    found = [
        Roi(name, paths[0], None, "", _checked(box, number), f"{name}#{number}", f"boxes[{number - 1}]")
        for number, box in enumerate(boxes, start=1)
    ]
    return Asked(found, lost, note)


def _path(given: Any) -> Path:
    if not isinstance(given, str | Path):
        raise DataError(
            f"inputs: expected paths of radiographs, folders or ROI tables, got {type(given).__name__}; pixels go "
            "through the Keras model: keras.ops.softmax(model.network(crops))"
        )
    return Path(given)


def _checked(box: Box, number: int) -> Box:
    try:
        x, y, width, height = (float(value) for value in box)
    except (TypeError, ValueError):
        raise DataError(f"boxes[{number - 1}]: expected (x, y, width, height), got {box!r}") from None
    return x, y, width, height

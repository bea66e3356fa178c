"""A folder for each class, radiographs in it: whole images, no boxes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.identity import tidy
from keras_cwp.data.patients import AS_WRITTEN
from keras_cwp.errors import DataError

_SPLIT = ("train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval", "holdout", "hold-out")
# Folders of other layouts (YOLO, VOC, segmentation), and wrappers around one.
_NOT_CLASSES = (
    "images", "image", "img", "imgs", "labels", "label", "annotations", "annotation", "masks", "mask", "jpegimages",
    "unlabeled", "unlabelled", "unsorted", "todo", "misc", "thumbnails", "backup", "data", "dataset", "datasets",
    "dicom", "png", "jpg", "radiographs",
)  # fmt: skip
_NUMBERED = re.compile(r"(\D*?)[\s_-]*\d+")
# What people number and what is no class; "stage 1", "grade 2" and plain numbers are.
_NUMBERED_THINGS = (
    "batch", "part", "patient", "pat", "p", "pt", "case", "fold", "set", "series", "study", "subject", "sub", "upload",
    "scan", "folder", "site", "hospital", "reader", "visit", "session", "week", "day", "id",
)  # fmt: skip


def read_class_tree(path: Path, files: Sequence[Path], reading: Reading) -> list[Roi]:
    """One ROI a radiograph, sorted by path; the class is the folder below `path`, or below train, val and test.

    Args:
        files: the radiographs below `path`.

    Raises:
        DataError: the tree does not lie in the images folder, a radiograph is in no class folder, or folders have
            names that are hardly classes.
    """
    root, split = _class_root(path, files, reading)
    depth = len(root.parts) + bool(split)
    rois = []
    for file in files:
        if len(file.parts) < depth + 2:
            beside = f"the parts {', '.join(split)} of a split" if split else f"the class folders of {root}"
            raise DataError(f"{file}: lies beside {beside}; move it into a class folder")
        name = reading.images.contains(file)
        if name is None:
            raise DataError(
                f"{file}: lies outside the images folder {reading.images.path}; give the same folder for both"
            )
        image, found = reading.images.find(name, str(file))
        rois.append(Roi(image, found, None, tidy(file.parts[depth]), None, image, str(file)))
    counts = Counter(roi.label for roi in rois)
    if not reading.names_as_written:
        _check_classes(root, list(counts))
    _say(root, counts, split, reading)
    return rois


def _class_root(path: Path, files: Sequence[Path], reading: Reading) -> tuple[Path, list[str]]:
    """The folder of the class folders, or of a split's parts, which are returned too."""
    tops = _tops(path, files)
    while len(tops) == 1 and (tops[0].casefold() == path.name.casefold() or tops[0].casefold() in _NOT_CLASSES):
        below = _tops(path / tops[0], files)
        if not below:
            break
        path, tops = path / tops[0], below
    parts = [name for name in tops if name.casefold() in _SPLIT]
    others = ", ".join(name for name in tops if name not in parts)
    if reading.names_as_written or not parts:
        return path, []
    if others:
        raise DataError(
            f"{path}: {', '.join(parts)} beside {others:.80}: parts of a split, or classes? Give the folder that holds "
            f"only class folders; {AS_WRITTEN}"
        )
    return path, parts


def _tops(path: Path, files: Sequence[Path]) -> list[str]:
    """Names of the folders directly below `path` that hold a file; none when a file lies in `path` itself."""
    depth = len(path.parts)
    if any(len(file.parts) == depth + 1 for file in files):
        return []
    return sorted({file.parts[depth] for file in files})


def _check_classes(root: Path, names: list[str]) -> None:
    """Refuse folder names that are hardly classes."""
    stems = {match[1].casefold() if (match := _NUMBERED.fullmatch(name)) else None for name in names}
    odd = [name for name in names if name.casefold() in _NOT_CLASSES]
    if len(stems) == 1 and len(names) > 1 and stems & set(_NUMBERED_THINGS):
        odd = names
    if odd:
        shown = ", ".join(odd[:6]) + (" …" if len(odd) > 6 else "")
        raise DataError(
            f"{root}: no annotation file in it, so each folder stands for a class, but {shown} are hardly classes; "
            f"give the annotation file, a table, or a folder of class folders; {AS_WRITTEN}"
        )


def _say(root: Path, counts: Counter[str], split: list[str], reading: Reading) -> None:
    said = ", ".join(f"{name} ({count})" for name, count in list(counts.items())[:20])
    reading.note(f"{root}: whole radiographs, the folder is the class: {said}")
    if split:
        reading.note(
            f"{root}: {', '.join(split)} are taken for the parts of a split, not for classes; patients are divided anew"
        )

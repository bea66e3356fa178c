"""Class names: mapped by a YAML file where one is given, and asked about where two look alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.identity import looks_empty, near_key, near_names, tidy
from keras_cwp.data.left_out import of_whom
from keras_cwp.data.patients import AS_WRITTEN
from keras_cwp.errors import DataError
from keras_cwp.settings_file import parse_yaml

_NULL = "null"  # the word that YAML reads as nothing, as a key too


def with_classes(rois: Sequence[Roi], path: Path, reading: Reading) -> list[Roi]:
    """ROIs with the classes that a YAML file gives their labels; those mapped to null are left out.

    Raises:
        DataError: a malformed file, or a label without an entry.
    """
    classes = _read_classes(path)
    unused = set(classes) - {roi.label for roi in rois} - {_NULL}
    for roi in rois:
        if _entry(roi.label, classes) is None:
            near = [repr(name) for name in classes if near_key(name) == near_key(roi.label)]
            hint = f" ({near[0]} is spelt otherwise)" if near else ""
            raise DataError(
                f"{path}: no entry for {roi.label!r}, which {roi.where} uses{hint}; map it to a class or to null"
            )
    if unused:
        reading.note(f"{path}: no region has the label {', '.join(map(repr, sorted(unused)))}")
    named = ((roi, classes[_entry(roi.label, classes) or ""]) for roi in rois)
    kept = [replace(roi, label=name) for roi, name in named if name is not None]
    if len(kept) < len(rois):
        gone = [roi for roi in rois if classes[_entry(roi.label, classes) or ""] is None]
        reading.note(f"{path}: {len(gone)} of {len(rois)} regions are left out by it {of_whom(gone)}")
    return kept


def check_labels(rois: Sequence[Roi], source: Path | str, mapped: bool) -> None:
    """Ask about labels that differ only in spelling or look like an empty cell.

    Args:
        mapped: a labels map was given, so that an odd name was chosen on purpose.

    Raises:
        DataError: there are such labels.
    """
    counts = Counter(roi.label for roi in rois)
    first: dict[str, Roi] = {}
    for roi in rois:
        first.setdefault(roi.label, roi)
    for label in [] if mapped else counts:
        if looks_empty(label):
            raise DataError(
                f"{first[label].where}: the label {label!r} looks like an empty cell; map it to a class or to null "
                f"with --labels FILE.yaml; {AS_WRITTEN}"
            )
    for one, other, *_ in near_names(counts):
        raise DataError(
            f"{source}: the labels {one!r} ({counts[one]}, first at {first[one].where}) and {other!r} "
            f"({counts[other]}, first at {first[other].where}) differ only in spelling; map both to one class with "
            f"--labels FILE.yaml; {AS_WRITTEN}"
        )


def _entry(label: str, classes: dict[str, str | None]) -> str | None:
    """The key of the map for a label, None when there is none."""
    if label in classes:
        return label
    return _NULL if label.casefold() == _NULL and _NULL in classes else None


def _read_classes(path: Path) -> dict[str, str | None]:
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise DataError(f"{path}: expected lines such as 'PMF: large_opacity', got {type(tree).__name__}")
    for name, value in tree.items():
        if not (value is None or (isinstance(value, str) and tidy(value))):
            raise DataError(f"{path}: {name!r} is mapped to {value!r}; expected a class name or null")
    return {tidy(_NULL if name is None else str(name)): value and tidy(value) for name, value in tree.items()}

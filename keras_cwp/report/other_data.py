"""What a model was trained on: the shares of its classes, and how another data set differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, split_rows
from keras_cwp.report.tables import Table

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder

_UNKNOWN = "–"
_SAME = "each ROI weighed the same in the loss"
_BALANCED = "each class weighed the same in the loss, which raises the probabilities of rare classes"


@dataclass(frozen=True)
class _Side:
    """ROIs of one side; labels and spacings are empty where the data set is gone."""

    patients: int
    images: int
    rois: int
    labels: Sequence[str] = ()
    spacings: Sequence[float] = ()


def imbalance_sentence(run: RunFolder, own: PreparedData | None) -> str:
    """Shares of the classes among the ROIs trained on, and whether the loss made up for them.

    Args:
        own: data set that the run was made from; None: it is gone.
    """
    labels, shares = list(_trained(run, own).labels), ""
    if own is not None and labels:
        listed = ", ".join(f"{name} {_share(labels, name)}" for name in own.classes)
        shares = f"the ROIs trained on are {listed}; "
    train = run.config.train
    focal = "; the focal loss counts ROIs less that are classified well" if train.loss == "focal" else ""
    return f"Class imbalance: {shares}{_BALANCED if train.class_weights == 'balanced' else _SAME}{focal}."


def other_data_table(run: RunFolder, own: PreparedData | None, data: PreparedData) -> Table:
    """Sizes, shares of the classes and pixel spacing of the training ROIs and of another data set.

    Args:
        own: data set that the run was made from; None: it is gone, and only sizes are known.
        data: that the model is judged on.
    """
    rows = data.manifest
    here = _Side(
        len({row.patient_key for row in rows}),
        len({row.image_key for row in rows}),
        len(data),
        data.label_names.tolist(),
        [row.spacing_mm for row in rows if row.spacing_mm],
    )
    sides = (_trained(run, own), here)
    found: list[tuple[str, ...]] = [
        ("patients", *(f"{side.patients:,}" for side in sides)),
        ("radiographs", *(f"{side.images:,}" for side in sides)),
        ("ROIs", *(f"{side.rois:,}" for side in sides)),
        ("ROIs a patient, mean", *(f"{side.rois / side.patients:.1f}" for side in sides)),
        *((f"ROIs that are {name}", *(_share(side.labels, name) for side in sides)) for name in data.classes),
        ("spacing, median", *(_spacing(side) for side in sides)),
    ]
    note = "Setting, dates and eligibility are for the authors to compare."
    return Table("other_data", "Training data and this data set", ("", "trained on", "judged here"), tuple(found), note)


def _trained(run: RunFolder, own: PreparedData | None) -> _Side:
    rows = [row for row in split_rows(run.path / SPLIT_FILE) if row.part == "train"]
    keys = {row.roi for row in rows}
    sizes = len({row.patient for row in rows}), len({row.image for row in rows}), len(keys)
    if own is None:
        return _Side(*sizes)
    used = [number for number, row in enumerate(own.manifest) if row.roi_key in keys]
    spacings = [own.manifest[number].spacing_mm for number in used]
    return _Side(*sizes, own.label_names[used].tolist(), [each for each in spacings if each])


def _share(labels: Sequence[str], name: str) -> str:
    return f"{100 * list(labels).count(name) / len(labels):.1f} %" if labels else _UNKNOWN


def _spacing(side: _Side) -> str:
    return f"{np.median(side.spacings):.3f} mm" if side.spacings else _UNKNOWN

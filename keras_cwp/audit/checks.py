"""What in a prepared data set would spoil a result: leaks, duplicates, confounds, bad crops, imbalance.

An error-level finding makes figures untrustworthy and has to be mended; a warning has to be looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_cwp.audit.confounds import confound_auc
from keras_cwp.audit.lookalikes import alike, near_duplicates, thumbnails
from keras_cwp.audit.overlap import shared_ids
from keras_cwp.data.fingerprints import FLAT, crop_digests
from keras_cwp.data.identity import near_key, near_names
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError

_SAME_BOX_IOU = 0.9
_IMBALANCE = 10  # patients of the largest class for each of the smallest
_BLANK_SD = 0.5 / 255
_EXTREME_MEAN = (0.02, 0.98)
_ODD_BOX_SHARE = (0.0005, 0.6)  # of the radiograph's area: less is hardly a region, more is hardly one of the lung
_LUNG_EDGE, _BELOW_LUNGS = 0.04, 0.1  # outer shares of a frontal radiograph in which no lung lies
_CHANCE_BOUND = 0.6  # a lower bound of the AUC above this says that acquisition gives the label away


Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that the audit has to say.

    Args:
        rows: rows of the manifest that it is about, at most a few; for pairs, pairs.
        count: of rows or pairs in all.
    """

    level: Level
    check: str
    message: str
    count: int = 0
    rows: tuple[tuple[int, ...], ...] = ()


_SHOWN = 12  # examples kept with a finding


def audit(data: PreparedData, against: PreparedData | None = None, folds: int = 5, seed: int = 0) -> list[Finding]:
    """Every check, errors first.

    Args:
        against: a second data set, which must share neither patients nor pictures with the first.
        folds: of the cross-validation that is planned.
    """
    images = thumbnails(data)
    findings = [
        *leaks(data),
        *(_shared(data, against, images) if against is not None else []),
        *_near(data, images),
        *_alike(data),
        *_spelt_alike(data),
        *_patients_and_classes(data, folds),
        *_confound(data, seed),
        *_pixels(images),
        *_boxes(data),
    ]
    order = ("error", "warning", "note")
    return sorted(findings, key=lambda finding: order.index(finding.level))


def leaks(data: PreparedData) -> list[Finding]:
    """The quick part: the same file or crop under two patients, the same region under two labels."""
    patients = data.patients
    files = _groups(data.manifest.texts("file_sha256").tolist())
    crops = _groups(crop_digests(data))
    crossing_files = [group for group in files if len({patients[i] for i in group}) > 1]
    crossing_crops = [group for group in crops if len({patients[i] for i in group}) > 1]
    two_labels = {group for group in crops if len({int(data.labels[i]) for i in group}) > 1} | _relabelled(data)
    return [
        *_found("error", "same file, two patients", crossing_files, "radiograph files stand under several patients"),
        *_found("error", "same crop, two patients", crossing_crops, "identical crops stand under several patients"),
        *_found(
            "error", "same region, two labels", sorted(two_labels), "regions are marked twice, with different labels"
        ),
    ]


def refuse_leaks(data: PreparedData) -> None:
    """What `fit` and `cv` do before they train.

    Raises:
        DataError: a class without a ROI, or an error-level finding of `leaks`. The lines that it names are those of
            DATA/manifest.csv.
    """
    absent = [name for name in data.classes if name not in data.label_names]
    if absent:
        raise DataError(
            f"data set {data.path}: no ROI of the class {absent[0]!r}; a network cannot learn it here: prepare without "
            "it in data.classes, or add ROIs"
        )
    found = leaks(data)
    if not found:
        return
    said = []
    for finding in found:
        lines = ", ".join(str(row + 2) for row in finding.rows[0])
        said.append(f"{finding.message} (first: lines {lines} of manifest.csv)")
    raise DataError(
        f"data set {data.path}: {'; '.join(said)}; mend the ROI table, or where two ids are one patient prepare again "
        "with --set data.link_duplicates=true; keras-cwp audit shows them all"
    )


def _groups(keys: list[str]) -> list[tuple[int, ...]]:
    """Rows that share a key, where there are at least two."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        rows[key].append(row)
    return [tuple(group) for group in rows.values() if len(group) > 1]


def _found(level: Level, check: str, groups: Sequence[tuple[int, ...]], what: str) -> list[Finding]:
    if not groups:
        return []
    return [Finding(level, check, f"{len(groups)} {what}", len(groups), tuple(groups[:_SHOWN]))]


def _relabelled(data: PreparedData) -> set[tuple[int, ...]]:
    """Pairs of almost the same box on one radiograph with different labels."""
    x, y, width, height = (data.manifest.numbers(name) for name in ("x", "y", "width", "height"))
    corners = np.column_stack([x, y, x + width, y + height])
    pairs: set[tuple[int, ...]] = set()
    for group in _groups(data.manifest.texts("image").tolist()):
        rows = np.array(group)
        for place, first in enumerate(group):
            rest = rows[place + 1 :]
            rest = rest[data.labels[rest] != data.labels[first]]
            pairs |= {(first, int(second)) for second in rest[_iou(corners[first], corners[rest]) >= _SAME_BOX_IOU]}
    return pairs


def _iou(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union [n] of a box [4] and others [n, 4], as left, top, right, bottom."""
    sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    return shared / ((one[2:] - one[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared)


def _shared(data: PreparedData, against: PreparedData, images: np.ndarray) -> list[Finding]:
    """What two data sets have in common; rows are those of the first."""
    same_id = shared_ids(data.patients, against.patients)
    files, crops, patients, respelt = (
        [(int(i),) for i in np.flatnonzero(found)]
        for found in (
            np.isin(data.manifest.texts("file_sha256"), against.manifest.texts("file_sha256")),
            np.isin(crop_digests(data), [code for code in crop_digests(against) if not code.startswith(FLAT)]),
            same_id,
            shared_ids(data.patients, against.patients, near_key) & ~same_id,
        )
    )
    near = sorted({(i,) for i, _ in near_duplicates(images, thumbnails(against))})
    looks, first = np.unique(data.manifest.texts("look"), return_index=True)
    like = [(int(first[i]),) for i, _ in alike(looks.tolist(), np.unique(against.manifest.texts("look")).tolist())]
    return [
        *_found("error", "same file in both sets", files, "ROIs lie on radiographs that the other set holds too"),
        *_found("error", "same crop in both sets", crops, "crops are in the other set too"),
        *_found("error", "same patient in both sets", patients, "ROIs are of patients that the other set holds too"),
        *_found(
            "warning",
            "patient spelt otherwise",
            respelt,
            "ROIs are of patients whose id the other set has in another spelling (0001 and 1, P1 and p1): the same "
            "people?",
        ),
        *_found("warning", "near-duplicate in both sets", near, "crops look like one of the other set"),
        *_found("warning", "look-alike in both sets", like, "radiographs look like one of the other set"),
    ]


def _alike(data: PreparedData) -> list[Finding]:
    """Whole radiographs of different patients that look the same: a second export, with other boxes on it."""
    if data.margin == 0:  # then the crops are the radiographs, and were compared
        return []
    _, first = np.unique(data.manifest.texts("image"), return_index=True)
    looks = data.manifest.texts("look")[first].tolist()
    rows = [(int(first[i]), int(first[j])) for i, j in alike(looks, looks) if i < j]
    apart = [pair for pair in rows if data.patients[pair[0]] != data.patients[pair[1]]]
    what = "pairs of radiographs of different patients look alike"
    return _found("warning", "look-alike radiographs, two patients", apart, what)


def _near(data: PreparedData, images: np.ndarray) -> list[Finding]:
    """Look-alikes, and the same pictures twice of one patient, which count for more than they show."""
    pairs = near_duplicates(images)
    apart = [pair for pair in pairs if data.patients[pair[0]] != data.patients[pair[1]]]
    within = [pair for pair in pairs if data.patients[pair[0]] == data.patients[pair[1]]]
    return [
        *_found("warning", "near-duplicate, two patients", apart, "pairs of crops of different patients look alike"),
        *_found("note", "near-duplicate, one patient", within, "pairs of crops of one patient look alike"),
    ]


def _spelt_alike(data: PreparedData) -> list[Finding]:
    """Patients whose ids differ only in spelling, which `prepare` lets pass with --names-as-written."""
    named = data.patients[data.patients != data.manifest.texts("image")]  # an image's name is no person's id
    groups = near_names(named.tolist())
    rows = [tuple(int(np.flatnonzero(data.patients == name)[0]) for name in group) for group in groups]
    what = "patient ids are spelt in several ways that differ in case, blanks or leading zeros: the same person?"
    return _found("warning", "patients spelt alike", rows, what)


def _patients_and_classes(data: PreparedData, folds: int) -> list[Finding]:
    patients = {name: len(set(data.patients[data.labels == i].tolist())) for i, name in enumerate(data.classes)}
    findings = [
        Finding("error", "too few patients", f"class {name} has {count} patients, fewer than {folds} folds", count)
        for name, count in patients.items()
        if count < folds
    ]
    said = ", ".join(f"{name} {count}" for name, count in patients.items())
    level: Level = "warning" if max(patients.values()) > _IMBALANCE * max(min(patients.values()), 1) else "note"
    findings.append(Finding(level, "balance", f"patients of each class: {said}", len(set(data.patients.tolist()))))
    labels_of: dict[str, set[int]] = defaultdict(set)
    for name, label in zip(data.patients.tolist(), data.labels.tolist(), strict=True):
        labels_of[name].add(label)
    mixed = sum(len(labels) > 1 for labels in labels_of.values())
    if mixed and data.margin == 0:
        text = f"{mixed} patients have radiographs of several classes; are their ids unique across the classes?"
        findings.append(Finding("warning", "mixed patients", text, mixed))
    elif mixed:
        findings.append(Finding("note", "mixed patients", f"{mixed} patients have ROIs of several classes", mixed))
    return findings


def _confound(data: PreparedData, seed: int) -> list[Finding]:
    result = confound_auc(data, seed)
    if result is None:
        return [Finding("note", "confounds", "acquisition does not vary, or too few patients: nothing to predict from")]
    text = (
        f"acquisition alone ({', '.join(result.features)}) predicts the label with macro AUC {result.auc:.3f} "
        f"(95 % interval {result.low:.3f} to {result.high:.3f}); strongest: {result.strongest}"
    )
    return [Finding("warning" if result.low > _CHANCE_BOUND else "note", "confounds", text)]


def _pixels(images: np.ndarray) -> list[Finding]:
    spread, mean = images.std(axis=(1, 2)), images.mean(axis=(1, 2))
    blank = spread < _BLANK_SD
    extreme = ((mean < _EXTREME_MEAN[0]) | (mean > _EXTREME_MEAN[1])) & ~blank
    return [
        *_found("error", "blank crop", [(int(i),) for i in np.flatnonzero(blank)], "crops are of one shade"),
        *_found(
            "warning", "extreme shade", [(int(i),) for i in np.flatnonzero(extreme)], "crops are nearly black or white"
        ),
    ]


def _boxes(data: PreparedData) -> list[Finding]:
    if data.margin == 0:
        return []
    x, y, width, height, image_width, image_height = (
        data.manifest.numbers(name) for name in ("x", "y", "width", "height", "image_width", "image_height")
    )
    share = width * height / (image_width * image_height)
    odd = np.flatnonzero((share < _ODD_BOX_SHARE[0]) | (share > _ODD_BOX_SHARE[1]))
    across, down = (x + width / 2) / image_width, (y + height / 2) / image_height
    beside = np.flatnonzero((np.abs(across - 0.5) > 0.5 - _LUNG_EDGE) | (down < _LUNG_EDGE) | (down > 1 - _BELOW_LUNGS))
    low, high = (f"{100 * bound:g} %" for bound in _ODD_BOX_SHARE)
    size, place = (
        f"boxes take less than {low} or more than {high} of their radiograph",
        "boxes have their centre where no lung is",
    )
    return [
        *_found("warning", "odd box", [(int(i),) for i in odd], size),
        *_found("warning", "box beside the lungs", [(int(i),) for i in beside], place),
    ]

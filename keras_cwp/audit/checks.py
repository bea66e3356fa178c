"""What in a prepared data set would spoil a result: leaks, duplicates, confounds, bad crops, imbalance."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from keras_cwp.audit.confounds import confound_auc
from keras_cwp.audit.crops import box_findings, crop_findings, range_findings
from keras_cwp.audit.findings import Finding, Level, found, groups_of
from keras_cwp.audit.identities import OVERRULED, SPELT_ALIKE, overruled, spelt_alike
from keras_cwp.audit.lookalike_patients import ALL_ALIKE, indistinct, look_alikes
from keras_cwp.audit.lookalikes import alike, near_duplicates, thumbnails
from keras_cwp.audit.overlap import shared_ids
from keras_cwp.audit.readers import reader_findings
from keras_cwp.data.fingerprints import FLAT, crop_digests
from keras_cwp.data.identity import near_key
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError
from keras_cwp.models.weight_notes import shipped_looks
from keras_cwp.wording import plural, verb

_SAME_BOX_IOU = 0.9
_LOOK_ALIKE = "look-alike radiographs, two patients"
_SEEN = "seen by shipped weights"
_RESPELT = "whose id the other data set spells differently (0001 and 1, P1 and p1): the same person?"
_IMBALANCE = 10  # patients of the largest class for each of the smallest
_CHANCE_BOUND = 0.6  # a lower bound of the AUC above this says that acquisition predicts the label

CHECKS = {
    "same file, two patients": "no radiograph file belongs to two patients",
    "same crop, two patients": "no crop belongs to two patients",
    "same region, two labels": "no region has two labels",
    "patients spelt alike": "no patient id is spelt in several ways",
    "near-duplicate, two patients": "no crops of different patients look alike",
    _LOOK_ALIKE: "no radiographs of different patients look alike",
    _SEEN: "no radiograph looks like one that the shipped weights (model.weights cxr) were made from",
    "near-duplicate, one patient": "no crops of one patient look alike",
    SPELT_ALIKE: "no patient ids differ only in case, blanks or leading zeros",
    OVERRULED: "no patient contradicts another source that names patients",
    "too few patients": "every class has at least as many patients as there are folds",
    "blank crop": "no crop is of one shade",
    "extreme shade": "no crop is nearly black or white",
    "narrow grey range": "the crops use the range of grey values",
    "odd box": "no box is unusually small or large",
    "box beside the lungs": "no box has its centre where no lung is",
}
"""Name of a check that may find nothing → what it means that it found nothing."""
CHECKS_AGAINST = {
    "same file in both sets": "no radiograph file is in both data sets",
    "same crop in both sets": "no crop is in both data sets",
    "same patient in both sets": "no patient is in both data sets",
    "patient spelt differently": "no patient id of one data set is spelt differently in the other",
    "near-duplicate in both sets": "no crop looks like one of the other data set",
    "look-alike in both sets": "no radiograph looks like one of the other data set",
}
"""The same for checks of two data sets."""
_FOR_BOXES = ("odd box", "box beside the lungs", _LOOK_ALIKE)  # not for whole images


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
        *spelt_alike(data),
        *_seen_by_weights(data),
        *overruled(data),
        *_patients_and_classes(data, folds),
        *reader_findings(data),
        *_confounds(data, seed),
        *crop_findings(images),
        *range_findings(data),
        *box_findings(data),
    ]
    order = ("error", "warning", "note")
    return sorted(findings, key=lambda finding: order.index(finding.level))


def passed(findings: list[Finding], data: PreparedData, against: bool = False) -> list[str]:
    """What the checks that found nothing say about the data set.

    Args:
        against: a second data set was compared.
    """
    skipped = {finding.check for finding in findings} | set(() if data.margin else _FOR_BOXES)
    checks = CHECKS | (CHECKS_AGAINST if against else {})
    return [meaning for check, meaning in checks.items() if check not in skipped]


def leaks(data: PreparedData) -> list[Finding]:
    """The quick part: the same file or crop under two patients, the same region under two labels."""
    patients = data.patients
    files = groups_of(data.manifest.texts("file_sha256").tolist())
    crops = groups_of(crop_digests(data))
    crossing_files = [group for group in files if len({patients[i] for i in group}) > 1]
    crossing_crops = [group for group in crops if len({patients[i] for i in group}) > 1]
    two_labels = {group for group in crops if len({int(data.labels[i]) for i in group}) > 1} | _relabelled(data)
    return [
        *found(
            "error", "same file, two patients", crossing_files,
            "radiograph file belongs to several patients", "radiograph files belong to several patients",
        ),
        *found(
            "error", "same crop, two patients", crossing_crops,
            "crop belongs to several patients", "crops belong to several patients",
        ),
        *found(
            "error", "same region, two labels", sorted(two_labels),
            "region is marked twice, with different labels", "regions are marked twice, with different labels",
        ),
    ]  # fmt: skip


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
    findings = leaks(data)
    if not findings:
        return
    said = []
    for finding in findings:
        lines = ", ".join(str(row + 2) for row in finding.rows[0])
        said.append(f"{finding.message} (first: lines {lines} of manifest.csv)")
    raise DataError(
        f"data set {data.path}: {'; '.join(said)}; correct the ROI table, or, where two ids are one patient, prepare "
        "again with --set data.link_duplicates=true; keras-cwp audit shows all of them"
    )


def _relabelled(data: PreparedData) -> set[tuple[int, ...]]:
    """Pairs of almost the same box on one radiograph with different labels."""
    x, y, width, height = (data.manifest.numbers(name) for name in ("x", "y", "width", "height"))
    corners = np.column_stack([x, y, x + width, y + height])
    pairs: set[tuple[int, ...]] = set()
    for group in groups_of(data.manifest.texts("image").tolist()):
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
        [(int(i),) for i in np.flatnonzero(chosen)]
        for chosen in (
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
        *found(
            "error", "same file in both sets", files,
            "ROI lies on a radiograph of the other data set", "ROIs lie on radiographs of the other data set",
        ),
        *found(
            "error", "same crop in both sets", crops,
            "crop is in the other data set too", "crops are in the other data set too",
        ),
        *found(
            "error", "same patient in both sets", patients,
            "ROI is of a patient of the other data set", "ROIs are of patients of the other data set",
        ),
        *found(
            "warning", "patient spelt differently", respelt,
            f"ROI is of a patient {_RESPELT}", f"ROIs are of patients {_RESPELT}",
        ),
        *found(
            "warning", "near-duplicate in both sets", near,
            "crop looks like one of the other data set", "crops look like one of the other data set",
        ),
        *found(
            "warning", "look-alike in both sets", like,
            "radiograph looks like one of the other data set", "radiographs look like one of the other data set",
        ),
    ]  # fmt: skip


def _alike(data: PreparedData) -> list[Finding]:
    """Whole radiographs of different patients that look the same: a second export, with other boxes on it."""
    pairs = look_alikes(data) if data.margin else ()  # without a margin crops are radiographs, and were compared
    if indistinct(pairs, data):
        return [Finding("note", _LOOK_ALIKE, ALL_ALIKE)]
    return found(
        "warning", _LOOK_ALIKE, pairs,
        "pair of radiographs of different patients looks alike",
        "pairs of radiographs of different patients look alike",
    )  # fmt: skip


def _near(data: PreparedData, images: np.ndarray) -> list[Finding]:
    """Crops that look alike: of different patients, or of one patient, whose ROIs then count twice."""
    pairs = near_duplicates(images)
    apart = [pair for pair in pairs if data.patients[pair[0]] != data.patients[pair[1]]]
    within = [pair for pair in pairs if data.patients[pair[0]] == data.patients[pair[1]]]
    return [
        *found(
            "warning", "near-duplicate, two patients", apart,
            "pair of crops of different patients looks alike", "pairs of crops of different patients look alike",
        ),
        *found(
            "note", "near-duplicate, one patient", within,
            "pair of crops of one patient looks alike", "pairs of crops of one patient look alike",
        ),
    ]  # fmt: skip


def _seen_by_weights(data: PreparedData) -> list[Finding]:
    looks, others = data.manifest.texts("look").tolist(), shipped_looks()
    seen = sorted({(row,) for row, _ in alike(looks, others)}) if others else []
    return found(
        "note", _SEEN, seen,
        "ROI lies on a radiograph that looks like one that the shipped weights (model.weights cxr) were made from",
        "ROIs lie on radiographs that look like some that the shipped weights (model.weights cxr) were made from",
    )  # fmt: skip


def _patients_and_classes(data: PreparedData, folds: int) -> list[Finding]:
    patients = {name: len(set(data.patients[data.labels == i].tolist())) for i, name in enumerate(data.classes)}
    findings = [
        Finding(
            "error", "too few patients", f"class {name} has {plural(count, 'patient')}, fewer than {folds} folds", count
        )
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
    have = f"{plural(mixed, 'patient')} {verb(mixed, 'has', 'have')}"
    if mixed and data.margin == 0:
        text = f"{have} radiographs of several classes; is every patient id used for one person only?"
        findings.append(Finding("warning", "mixed patients", text, mixed))
    elif mixed:
        findings.append(Finding("note", "mixed patients", f"{have} ROIs of several classes", mixed))
    return findings


def _confounds(data: PreparedData, seed: int) -> list[Finding]:
    result = confound_auc(data, seed)
    if result is None:
        return [
            Finding("note", "confounds", "not checked: acquisition does not vary, or a class has fewer than 5 patients")
        ]
    best = f"; strongest: {result.strongest}" if len(result.features) > 1 else ""
    text = (
        f"acquisition alone ({', '.join(result.features)}) predicts the label with macro AUC {result.auc:.3f} "
        f"(95 % interval {result.low:.3f} to {result.high:.3f}){best}"
    )
    return [Finding("warning" if result.low > _CHANCE_BOUND else "note", "confounds", text)]

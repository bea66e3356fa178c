"""Who the patients are: every source that names them is compared, and contradictions are refused.

Sources are the annotation file (`table`), a CSV of images and patients (`patients`), and the DICOM headers (`files`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from keras_cwp.data.annotations.faults import ignore_note
from keras_cwp.data.annotations.options import Trust
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.identity import is_shortened_number, names_nobody, near_key, near_names, tidy
from keras_cwp.data.radiographs.radiograph import Header
from keras_cwp.errors import DataError

JOINT = " + "  # between the ids of one patient
PER_IMAGE = "--patient-per-image"
HEADERS = "the DICOM headers"
STUDY = "the DICOM study"  # which is of one person
AS_WRITTEN = "--names-as-written states that they are meant"


class Statement(NamedTuple):
    """What one source says.

    Args:
        source: its name in messages.
        ids: patient by image.
    """

    source: str
    ids: Mapping[str, str]


def contradiction(one: Statement, other: Statement) -> str | None:
    """How two sources contradict each other on the images that both name; None when they agree.

    They agree when the same images belong together, and an id that both use means the same images. Sources may use
    different ids for one person.
    """
    both = [image for image in one.ids if image in other.ids]
    for joins, parts in ((one, other), (other, one)):
        seen: dict[str, str] = {}
        for image in both:
            earlier = seen.setdefault(near_key(joins.ids[image]), image)
            if near_key(parts.ids[earlier]) != near_key(parts.ids[image]):
                counts = " and ".join(
                    f"{len({near_key(said.ids[image]) for image in both})} by {said.source}" for said in (one, other)
                )
                return (
                    f"images {earlier!r} and {image!r} are of one patient by {joins.source} ({joins.ids[image]!r}) and "
                    f"of two by {parts.source} ({parts.ids[earlier]!r}, {parts.ids[image]!r}); patients of the "
                    f"{len(both)} images that both name: {counts}"
                )
    disputed = set() if other_numbering(one, other) else contradicted(one, other)
    for image in both:
        if image in disputed:  # and nothing is parted: an id stands for another person there
            return _both_ids(image, one, other)
    return None


def contradicted(one: Statement, other: Statement) -> set[str]:
    """The images of a patient whom the other source parts or joins with others, and those that the sources give to
    different patients whom both know.
    """
    pairs = _pairs(one, other)
    partners: tuple[dict[str, set[str]], dict[str, set[str]]] = ({}, {})
    for first, second in pairs.values():
        partners[0].setdefault(first, set()).add(second)
        partners[1].setdefault(second, set()).add(first)
    shared = partners[0].keys() & partners[1].keys()
    return {
        image
        for image, (first, second) in pairs.items()
        if len(partners[0][first]) > 1 or len(partners[1][second]) > 1 or (first != second and {first, second} & shared)
    }


def other_numbering(one: Statement, other: Statement) -> str | None:
    """A note where two sources group the images alike and number the patients in two ways that overlap by chance.

    Then no image has the same id in both, and each source has ids that the other has not. Ids of one numbering that
    were swapped or mixed up are a contradiction.
    """
    pairs = set(_pairs(one, other).values())
    firsts, seconds = {first for first, _ in pairs}, {second for _, second in pairs}
    grouped_alike = len(pairs) == len(firsts) == len(seconds)
    if not grouped_alike or any(first == second for first, second in pairs) or not firsts & seconds:
        return None
    if firsts <= seconds or seconds <= firsts:
        return None
    first_image = next(image for image in one.ids if image in contradicted(one, other))
    return (
        f"{one.source} and {other.source} group the images alike and number the patients differently (first: "
        f"{_both_ids(first_image, one, other)}); check that no column was shifted"
    )


def _pairs(one: Statement, other: Statement) -> dict[str, tuple[str, str]]:
    """The near keys of both ids, by image that both name."""
    return {image: (near_key(one.ids[image]), near_key(other.ids[image])) for image in one.ids if image in other.ids}


def _both_ids(image: str, one: Statement, other: Statement) -> str:
    first, second = (f"of {said.ids[image]!r} by {said.source}" for said in (one, other))
    return f"image {image!r} is {first} and {second}"


def settle_patients(
    rois: Sequence[Roi],
    headers: Mapping[str, Header],
    source: str,
    *,
    trust: Trust | None = None,
    names_as_written: bool = False,
    link_studies: bool = False,
    note: Callable[[str], None] = ignore_note,
) -> list[Roi]:
    """The ROIs with their patient: as stated, else as the DICOM header says.

    Args:
        headers: by image.
        source: the annotation file, for messages.
        trust: which source counts where they contradict; None: ask.
        names_as_written: ids that differ only in spelling, or look like an empty cell, are meant.
        link_studies: patients of one DICOM study are going to count as one, so that they need no question.
        note: gets a line where two sources number the patients differently.

    Raises:
        DataError: an image of no known patient; sources that contradict each other; a study under two patients; ids
            that differ only in spelling or look like an empty cell.
    """
    said = Statement(HEADERS, _header_ids(headers))
    by = next((roi.patient_by for roi in rois if roi.patient_id), "") or source
    stated = Statement(by, {roi.image: roi.patient_id for roi in rois if roi.patient_id})
    against = contradiction(stated, said)
    if against and trust is None:
        leave = f"leave {PER_IMAGE} out, " if by == PER_IMAGE else ""
        raise DataError(
            f"{source}: {against}; correct one, {leave}or state with --trust table or --trust files which counts"
        )
    if trust is None and (two_ways := other_numbering(stated, said)):
        note(f"{two_ways}; {by} counts")
    disputed = contradicted(stated, said)
    settled = [_with_patient(roi, said.ids, trust, against is None, roi.image in disputed) for roi in rois]
    if not link_studies:
        settled = _of_whole_studies(settled, headers, source, trust)
    if not names_as_written:
        _check_names(settled, source)
    return settled


def _header_ids(headers: Mapping[str, Header]) -> dict[str, str]:
    """Patient by image; with the issuer where one id was given out by several."""
    named = {
        image: (tidy(header.patient_id), tidy(header.issuer or ""))
        for image, header in headers.items()
        if header.patient_id and not names_nobody(header.patient_id)
    }
    issuers: dict[str, set[str]] = {}
    for patient, issuer in named.values():
        issuers.setdefault(near_key(patient), set()).add(near_key(issuer))
    return {
        image: f"{patient} ({issuer})" if issuer and len(issuers[near_key(patient)] - {""}) > 1 else patient
        for image, (patient, issuer) in named.items()
    }


def _with_patient(
    roi: Roi, by_header: Mapping[str, str], trust: Trust | None, headers_agree: bool, disputed: bool
) -> Roi:
    own = by_header.get(roi.image)
    per_image_only = roi.patient_by == PER_IMAGE and headers_agree  # then the header's id says more than a file name
    if own and (trust == "files" or not roi.patient_id or per_image_only):
        return _settled(roi, own, HEADERS, (roi.patient_id, roi.patient_by) if disputed else None)
    if not roi.patient_id:
        raise DataError(
            f"{roi.where}: no patient is known of image {roi.image!r}; give --patients FILE.csv (image,patient_id) "
            "or state --patient-per-image"
        )
    return _settled(roi, roi.patient_id, roi.patient_by, (own, HEADERS) if disputed else None)


def _settled(roi: Roi, patient: str, by: str, against: tuple[str | None, str] | None) -> Roi:
    """A ROI with its patient, and with what another source states against it."""
    overruled = roi.overruled if against is None else (*roi.overruled, (str(against[0]), against[1]))
    return replace(roi, patient_id=patient, patient_by=by, overruled=overruled)


def _of_whole_studies(rois: list[Roi], headers: Mapping[str, Header], source: str, trust: Trust | None) -> list[Roi]:
    """Refuse studies that stand under several patients; where `trust` is stated, note them with their ROIs."""
    of_study: dict[str, dict[str, Roi]] = {}
    for roi in rois:
        study = headers[roi.image].study
        if study:
            of_study.setdefault(study, {}).setdefault(near_key(str(roi.patient_id)), roi)
    split = {study: list(found.values()) for study, found in of_study.items() if len(found) > 1}
    if trust is not None:
        studies = [headers[roi.image].study or "" for roi in rois]
        return [
            replace(roi, overruled=(*roi.overruled, (study, STUDY))) if study in split else roi
            for roi, study in zip(rois, studies, strict=True)
        ]
    for first, second, *_ in split.values():
        raise DataError(
            f"{source}: {len(split)} DICOM {'study stands' if len(split) == 1 else 'studies stand'} under several "
            f"patients (first: {first.image!r} of {first.patient_id!r}, {second.image!r} of {second.patient_id!r}); a "
            "study is of one person, and a split would cut through it: give --patients FILE.csv with one id a person, "
            "count them as one by --set data.link_duplicates=true, or state by --trust files that the ids are right"
        )
    return rois


def _check_names(rois: Sequence[Roi], source: str) -> None:
    named: dict[str, Roi] = {}
    for roi in rois:
        if roi.patient_by != PER_IMAGE:
            named.setdefault(str(roi.patient_id), roi)
    for patient, roi in named.items():
        if names_nobody(patient) or is_shortened_number(patient):
            what = "is a number that Excel shortened" if is_shortened_number(patient) else "names nobody"
            raise DataError(f"{roi.where}: the patient id {patient!r} {what}; write each person's own id; {AS_WRITTEN}")
    near = near_names(named)
    if near:
        first, second = near[0][0], near[0][1]
        raise DataError(
            f"{source}: {len(near)} patient {'id is' if len(near) == 1 else 'ids are'} spelt in several ways (first: "
            f"{first!r} at {named[first].where}, {second!r} at {named[second].where}); write one person's id in "
            f"one way; {AS_WRITTEN}"
        )


def linked_patients(patients: Sequence[str], *shared: Sequence[str]) -> list[str]:
    """Patient of each ROI when ids that share something, directly or through others, are one.

    Args:
        patients: ids [rois].
        shared: sequences [rois]; patients with the same entry are linked.

    Returns:
        The ids, linked ones joined by JOINT in sorted order.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, patient = np.unique(np.array(patients, dtype=str), return_inverse=True)
    rows, columns, count = [], [], len(names)
    for keys in shared:
        distinct, key = np.unique(np.array(keys, dtype=str), return_inverse=True)
        rows.append(patient)
        columns.append(key + count)
        count += len(distinct)
    ends = (np.concatenate(rows), np.concatenate(columns))
    graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(count, count))
    group = connected_components(graph, directed=False)[1][: len(names)]
    members: dict[int, list[str]] = {}
    for name, number in zip(names.tolist(), group.tolist(), strict=True):
        members.setdefault(number, []).append(name)
    joined = {number: JOINT.join(of_group) for number, of_group in members.items()}
    return [joined[number] for number in group[patient].tolist()]

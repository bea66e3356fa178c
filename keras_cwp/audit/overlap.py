"""Patients of one data set that another holds too: by their ids, or by the same radiograph or crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_cwp.data.fingerprints import FLAT, crop_digests
from keras_cwp.data.identity import near_key
from keras_cwp.data.patients import JOINT
from keras_cwp.data.prepared import PreparedData


@dataclass(frozen=True)
class Overlap:
    """What is shared, counted in the first of two data sets.

    Args:
        patients: those that the second has too.
        rois: of these patients.
        images: radiographs whose very file, or a crop of it, is in the second.
        respelt: of the patients, those known only by an id that is spelt differently in the second: 0001 and 1.
    """

    patients: int
    rois: int
    images: int
    respelt: int = 0


def overlap(data: PreparedData, other: PreparedData, rows: np.ndarray) -> Overlap:
    """How much of `data` is of patients in `rows` of `other`.

    A patient with one shared picture counts with all ROIs. Ids are compared as `identity.near_key` has them: case,
    blanks, leading zeros and Unicode forms do not make another patient. An id that is only the name of its image (as
    --patient-per-image makes them) does not identify a person, so only pictures are compared then.

    Args:
        rows: int of `other`, such as those that a model was trained on. Crops are compared when both data sets have
            the same image_size.
    """
    files = np.isin(data.manifest.texts("file_sha256"), _filled(other.manifest.texts("file_sha256")[rows]))
    pictures = files | np.isin(_crops(data), _filled(_crops(other)[rows]))
    by_id = shared_ids(_named(data), _named(other)[rows])
    near = shared_ids(_named(data), _named(other)[rows], near_key)
    shared = np.unique(data.patients[pictures | near])
    respelt = np.setdiff1d(shared, data.patients[pictures | by_id])
    images = np.unique(data.manifest.texts("image")[pictures])
    return Overlap(len(shared), int(np.isin(data.patients, shared).sum()), len(images), len(respelt))


def shared_ids(ours: np.ndarray, theirs: np.ndarray, form: Callable[[str], str] = str) -> np.ndarray:
    """bool [ours]: whose patient has an id that `theirs` has too.

    Args:
        form: of an id that is compared, such as `identity.near_key`.
    """
    known = {form(part) for name in np.unique(theirs).tolist() for part in _ids(name)}
    found = {name: not known.isdisjoint(map(form, _ids(name))) for name in np.unique(ours).tolist()}
    return np.array([found[name] for name in ours.tolist()], dtype=bool)


def _crops(data: PreparedData) -> np.ndarray:
    """str [rois], the digest of each crop; "" for one of a single shade, which any radiograph may have."""
    return np.array(["" if digest.startswith(FLAT) else digest for digest in crop_digests(data)])


def _named(data: PreparedData) -> np.ndarray:
    """str [rois], patient ids; "" where the id is the image's name."""
    return np.where(data.patients == data.manifest.texts("image"), "", data.patients)


def _ids(patient: str) -> set[str]:
    """The ids of a patient, who has several when link_duplicates found them to be one."""
    return set(_filled(patient.split(JOINT)))


def _filled(names: np.ndarray | list[str]) -> list[str]:
    return [str(name) for name in names if name]

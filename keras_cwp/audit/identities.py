"""Patients whose identity has to be looked at: ids spelt alike, and ids that another source contradicts."""

from __future__ import annotations

import numpy as np

from keras_cwp.audit.findings import Finding, found
from keras_cwp.data.identity import near_names
from keras_cwp.data.overruled import OVERRULED_FILE, read_overruled
from keras_cwp.data.prepared import PreparedData

SPELT_ALIKE = "patients spelt alike"
OVERRULED = "patient overruled"


def spelt_alike(data: PreparedData) -> list[Finding]:
    """Patients whose ids differ only in spelling, which `prepare` lets pass with --names-as-written."""
    named = data.patients[data.patients != data.manifest.texts("image")]  # the name of an image is no id of a person
    groups = near_names(named.tolist())
    rows = [tuple(int(np.flatnonzero(data.patients == name)[0]) for name in group) for group in groups]
    what = "in several ways that differ in case, blanks or leading zeros: the same person?"
    return found("warning", SPELT_ALIKE, rows, f"patient id is spelt {what}", f"patient ids are spelt {what}")


def overruled(data: PreparedData) -> list[Finding]:
    """Radiographs whose patient another source contradicts, which `prepare` lets pass with --trust."""
    rows = read_overruled(data.path)
    first: dict[str, int] = {}
    for number, image in enumerate(data.manifest.texts("image").tolist()):
        first.setdefault(image, number)
    sources = sorted({row.overruled_by for row in rows})
    what = (
        f"patient that another source contradicts ({', '.join(sources)}); {OVERRULED_FILE} in the data set lists both"
    )
    images = list(dict.fromkeys(row.image for row in rows))
    groups = [(first[image],) for image in images]
    return found("warning", OVERRULED, groups, f"radiograph has a {what}", f"radiographs have a {what}")

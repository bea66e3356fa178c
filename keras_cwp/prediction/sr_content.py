"""What a structured report says: TID 1500, one planar measurement group (TID 1410) a region."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_cwp.data.annotations.roi import Box
from keras_cwp.prediction.sr_settings import SrCode, SrConfig
from keras_cwp.version import VERSION

ALGORITHM = "keras_cwp"
SCHEME = "99KCWP"  # private: DICOM reserves 99 for them
_NORMAL = SrCode(value="17621005", scheme="SCT", meaning="Normal")
_YES = SrCode(value="373066001", scheme="SCT", meaning="Yes")
_NO = SrCode(value="373067005", scheme="SCT", meaning="No")
_NORMAL_NAMES = ("normal",)
_CHEST_RADIOGRAPH = SrCode(value="399208008", scheme="SCT", meaning="Plain chest X-ray")
_DIGITS = 6  # of a probability, after the point


@dataclass(frozen=True)
class Finding:
    """What the network said of one region.

    Args:
        image: header of its radiograph; a pydicom Dataset.
        box: x, y, width, height in pixels of that image, 0-based, end-exclusive; lies within it.
        name: of the region, unique in the report.
        probabilities: [classes].
        members: classes of its set, one of which is the true one as often as the run promises; empty where not known.
        unlike: whether it is unlike the training data; None where it is not known.
    """

    image: Any
    box: Box
    name: str
    probabilities: np.ndarray
    members: tuple[str, ...] = ()
    unlike: bool | None = None


def class_code(name: str, codes: Mapping[str, SrCode]) -> SrCode:
    """The code of a class: the one that the user stated, SNOMED's for normal, or a private one.

    The private value is C and twelve hexadecimal digits of the name's SHA-256: the same in every model.
    """
    if name in codes:
        return codes[name]
    return _NORMAL if name.lower() in _NORMAL_NAMES else _private("C", name, name)


def report_content(
    findings: Sequence[Finding], classes: Sequence[str], parameters: Sequence[str], settings: SrConfig
) -> Any:
    """The content tree, a pydicom Sequence of one root container.

    Args:
        parameters: of the algorithm, one text each.
    """
    from highdicom import sr
    from pydicom.sr.codedict import codes

    algorithm = sr.AlgorithmIdentification(ALGORITHM, VERSION, parameters=parameters)
    groups = [_group(finding, classes, algorithm, settings) for finding in findings]
    report = sr.MeasurementReport(
        observation_context=_observer(parameters, settings),
        procedure_reported=_coded(_CHEST_RADIOGRAPH),
        imaging_measurements=groups,
    )
    # the template may be extended; a comment at the root is what viewers show as text
    note = sr.TextContentItem(codes.DCM.Comment, settings.statement, sr.RelationshipTypeValues.CONTAINS)
    report[0].ContentSequence.append(note)
    return report


def _observer(parameters: Sequence[str], settings: SrConfig) -> Any:
    """The device that observed: this software with this model, which have one UID wherever they run."""
    from highdicom import sr
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    device = sr.DeviceObserverIdentifyingAttributes(
        uid=generate_uid(entropy_srcs=[ALGORITHM, VERSION, *parameters]),
        name=ALGORITHM,
        manufacturer_name=settings.manufacturer,
        model_name=f"{ALGORITHM} {VERSION}",
    )
    return sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device))


def _group(finding: Finding, classes: Sequence[str], algorithm: Any, settings: SrConfig) -> Any:
    from highdicom import sr
    from pydicom.uid import generate_uid

    likeliest = classes[int(np.argmax(finding.probabilities))]
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier=finding.name),
        referenced_region=_region(finding),
        finding_type=_coded(class_code(likeliest, settings.codes)),
        algorithm_id=algorithm,
        measurements=[
            _probability(name, float(value)) for name, value in zip(classes, finding.probabilities, strict=True)
        ],
        qualitative_evaluations=_evaluations(finding, settings),
    )


def _evaluations(finding: Finding, settings: SrConfig) -> Any:
    """A coded item for each class of the set, and one on likeness to the training data; None where nothing is known."""
    from highdicom import sr

    member = _private("S", "set", "Class that the finding may be of")
    unlike = _private("S", "unlike", "Unlike the training data of the algorithm")
    pairs = [(member, class_code(name, settings.codes)) for name in finding.members]
    if finding.unlike is not None:
        pairs.append((unlike, _YES if finding.unlike else _NO))
    return [sr.QualitativeEvaluation(_coded(name), _coded(value)) for name, value in pairs] or None


def _region(finding: Finding) -> Any:
    """The box as a closed polyline; DICOM's origin is the outer corner of the first pixel, as ours is."""
    from highdicom import sr

    x, y, width, height = finding.box
    right, bottom = x + width, y + height
    corners = np.array([[x, y], [right, y], [right, bottom], [x, bottom], [x, y]])
    source = sr.SourceImageForRegion(finding.image.SOPClassUID, finding.image.SOPInstanceUID)
    # TID 1410 names no code for this item. CID 7551, from which TID 1500 takes the purpose of a group's images, has
    # this one; highdicom writes it for groups since 0.28, and readers know it.
    source.ConceptNameCodeSequence = [sr.CodedConcept("121112", "DCM", "Source of Measurement")]
    return sr.ImageRegion(sr.GraphicTypeValues.POLYLINE, corners, source)


def _probability(name: str, value: float) -> Any:
    from highdicom import sr
    from pydicom.sr.codedict import codes

    code = _private("P", name, f"Probability of {name}")
    return sr.Measurement(_coded(code), round(value, _DIGITS), codes.UCUM.NoUnits)


def _private(kind: str, name: str, meaning: str) -> SrCode:
    digest = hashlib.sha256(name.encode()).hexdigest()[:12].upper()
    return SrCode(value=kind + digest, scheme=SCHEME, meaning=meaning[:64])


def _coded(code: SrCode) -> Any:
    from highdicom import sr

    return sr.CodedConcept(code.value, code.scheme, code.meaning)

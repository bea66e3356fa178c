"""Whom a report belongs to: patient and study as its radiographs name them, value by value and byte by byte.

A value is decoded by the character set of its own file and written as UTF-8. Where its bytes are none of that set (an
undeclared GBK name, damaged UTF-8), nobody knows which letters they are. Then the report takes over the file's
character set and the very bytes, so that an archive sees the patient whom it knows. Where the rest of the report
cannot be written in that set, such a value is left empty. Either is said in a line that quotes no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom import Sequence as Items
from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.valuerep import PersonName

from keras_cwp.errors import DataError
from keras_cwp.prediction.dicom_text import decoded, is_plain

Note = Callable[[str], None]

# A difference in one of these is another person: refused. In one of the others the first value counts, with a note.
OF_THE_PATIENT = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")
OF_THE_STUDY = (
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
)
ISSUERS = ("IssuerOfPatientIDQualifiersSequence", "IssuerOfAccessionNumberSequence")
# Type 2 and 2C attributes of Comprehensive SR: present, and empty where nothing is known.
BLANK = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_FORMS = {
    "PatientBirthDate": r"\d{8}",
    "StudyDate": r"\d{8}",
    "StudyTime": r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?",
    "PatientSex": r"[MFO]",
    "TimezoneOffsetFromUTC": r"[+-](0\d|1[0-4])[0-5]\d",
}
_CHARACTER_SET = 0x00080005


@dataclass(frozen=True)
class Value:
    """One attribute of one file.

    Args:
        raw: as it stands in the file, without padding.
        texts: its values; None where the bytes are none of the file's character set.
        charset: SpecificCharacterSet of the file as it stands there; () where it has none.
    """

    raw: bytes
    texts: tuple[str, ...] | None
    charset: tuple[str, ...]


class Identity:
    """Patient and study of the images of one study.

    Args:
        images: their headers, pydicom Datasets with `filename`.
        note: gets a line for each value that was contradicted, missing in some images, damaged or not well formed.

    Raises:
        DataError: two images are of two patients.
    """

    def __init__(self, images: Sequence[Any], note: Note) -> None:
        self._note = note
        self._file = str(images[0].filename)
        self._values: dict[str, Value] = {}
        self._issuers: dict[str, Items] = {}
        for keyword in (*OF_THE_PATIENT, *OF_THE_STUDY):
            if found := _of_study(keyword, images, note):
                self._values[keyword] = found
        for keyword in ISSUERS:
            owner = next((image for image in images if image.get(keyword)), None)
            if owner is not None:
                self._issuers[keyword] = Items([_plain_copy(item, _charset(owner)) for item in owner[keyword].value])

    @property
    def timezone(self) -> str:
        """Such as +0800; "" where the images do not say."""
        value = self._values.get("TimezoneOffsetFromUTC")
        return value.texts[0] if value and value.texts else ""

    def put_into(self, report: Any) -> None:
        """Write the attributes into a report that is complete but for them."""
        for keyword, items in self._issuers.items():
            setattr(report, keyword, items)
        values = dict(self._values)
        damaged = sorted(keyword for keyword, value in values.items() if value.texts is None)
        charset = _common_charset(values) if damaged and _is_ascii(report) else None
        for keyword in damaged:
            if charset is None:
                del values[keyword]
            fate = "left empty" if charset is None else "copied byte by byte, with that character set"
            self._note(
                f"the study of image {self._file}: its SpecificCharacterSet does not have the bytes of {keyword}; "
                f"in the report it is {fate}"
            )
        if charset is not None:
            _set_charset(report, charset)
        for keyword in BLANK:
            setattr(report, keyword, "")
        for keyword, value in values.items():
            _put(report, keyword, value, raw=charset is not None)


def _put(report: Any, keyword: str, value: Value, raw: bool) -> None:
    vr = dictionary_VR(keyword)
    content: Any
    if value.texts is None or (raw and not is_plain(value.raw)):
        content = PersonName(value.raw, convert_encodings(list(value.charset))) if vr == "PN" else value.raw
    else:
        content = list(value.texts) if len(value.texts) > 1 else value.texts[0]
    report.add_new(tag_for_keyword(keyword), vr, content)


def _of_study(keyword: str, images: Sequence[Any], note: Note) -> Value | None:
    """The first value of the study that is not empty.

    Raises:
        DataError: the images are of two patients.
    """
    found = [(image, value) for image in images if (value := _formed(keyword, image, note)) is not None]
    if not found:
        return None
    first, value = found[0]
    for image, other in found[1:]:
        if _normal(keyword, other) != _normal(keyword, value):
            _contradicted(keyword, first.filename, image.filename, note)
            break
    having = {id(image) for image, _ in found}
    for image in images:
        if id(image) not in having and keyword in OF_THE_PATIENT[:1]:
            note(f"image {image.filename}: no {keyword} in it; the report has the one of {first.filename}")
    return value


def _contradicted(keyword: str, first: str, other: str, note: Note) -> None:
    said = f"the study of image {first}: its images name more than one {keyword}, {other} another than that one"
    if keyword in OF_THE_PATIENT:
        raise DataError(f"{said}; correct their headers, or leave one of them out")
    note(f"{said}; the report has that of {first}")


def _normal(keyword: str, value: Value) -> Any:
    """What has to be equal; the case and the empty parts of a name tell no persons apart."""
    if value.texts is None:
        return value.raw
    if dictionary_VR(keyword) == "PN":
        return tuple(
            "=".join(part.rstrip("^ ") for part in text.split("=")).rstrip("=").casefold() for text in value.texts
        )
    return value.texts


def _formed(keyword: str, image: Any, note: Note) -> Value | None:
    value = _read(keyword, image)
    form = _FORMS.get(keyword)
    if value is None or form is None:
        return value
    if value.texts is not None and len(value.texts) == 1 and re.fullmatch(form, value.texts[0]):
        return value
    note(f"image {image.filename}: its {keyword} is not of the form that DICOM asks for; the report has none")
    return None


def _read(keyword: str, image: Any) -> Value | None:
    """An attribute as it stands in the file; None where it is absent or empty."""
    tag, vr = tag_for_keyword(keyword), dictionary_VR(keyword)
    element = image.get_item(tag) if tag in image else None
    charset = _charset(image)
    if element is None or not element.value:
        return None
    if not isinstance(element.value, bytes):  # decoded already, as UIDs are that others asked for
        return Value(str(element.value).encode(), (str(element.value),), charset)
    raw = element.value.strip(b" \0")
    text = decoded(raw, charset, vr == "PN")
    texts = None if text is None else tuple(part.strip() for part in text.split("\\"))
    if not raw or (texts is not None and not any(texts)):
        return None
    return Value(raw, texts, charset)


def _charset(image: Any) -> tuple[str, ...]:
    element = image.get_item(_CHARACTER_SET) if _CHARACTER_SET in image else None
    if element is None or not element.value:
        return ()
    value = element.value
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace").rstrip(" \0").split("\\")
    return (str(value),) if isinstance(value, str) else tuple(str(each).strip() for each in value)


def _common_charset(values: dict[str, Value]) -> tuple[str, ...] | None:
    """The character set of all values that are not ASCII; None where they have several."""
    found = {value.charset for value in values.values() if not is_plain(value.raw)}
    return found.pop() if len(found) == 1 else None


def _set_charset(report: Any, charset: tuple[str, ...]) -> None:
    if any(charset):
        report.SpecificCharacterSet = list(charset)
    elif "SpecificCharacterSet" in report:
        del report.SpecificCharacterSet


def _is_ascii(report: Any) -> bool:
    """Whether all texts of a report are written alike in every character set."""
    return all(str(element.value).isascii() for element in report.iterall() if element.VR != "SQ")


def _plain_copy(item: Any, charset: tuple[str, ...]) -> Dataset:
    """An item with its texts decoded, to be written in the report's character set; without those that cannot be."""
    copied = Dataset()
    own = _charset(item) or charset
    for tag in list(item.keys()):  # the tags, not the elements, which pydicom would decode
        element = item.get_item(tag)
        if tag == _CHARACTER_SET:
            continue
        if isinstance(element.value, bytes) and tag.is_private is False:
            text = decoded(element.value.strip(b" \0"), own, is_name=False)
            if text is not None:
                copied.add_new(tag, dictionary_VR(tag), text.split("\\") if "\\" in text else text)
        elif element.VR == "SQ":
            copied.add_new(tag, "SQ", Items([_plain_copy(each, own) for each in element.value]))
    return copied

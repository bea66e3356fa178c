"""The annotation formats: one row each. A new format is one file and one row here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from keras_cwp.data.annotations.coco import is_coco, read_coco
from keras_cwp.data.annotations.delimited import read_table
from keras_cwp.data.annotations.label_studio import (
    is_label_studio,
    is_label_studio_csv,
    read_label_studio,
    read_label_studio_csv,
)
from keras_cwp.data.annotations.labelme import is_labelme, read_labelme
from keras_cwp.data.annotations.reading import AnnotationFile, Reading
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.annotations.table import is_roi_table, read_roi_table
from keras_cwp.data.annotations.via import is_via, is_via_csv, read_via, read_via_csv
from keras_cwp.data.annotations.via3 import is_via3, is_via3_csv, read_via3, read_via3_csv
from keras_cwp.data.annotations.voc import is_voc, read_voc
from keras_cwp.data.annotations.yolo import is_yolo_labels, open_yolo, read_yolo
from keras_cwp.errors import DataError

PICTURE_SIZE = "size of the picture"
JSON, XML, TEXT = (".json",), (".xml",), (".csv", ".tsv", ".txt")
YOLO = ".txt"


class UnknownFormatError(DataError):
    """A file that can be parsed, and that no format recognises."""


@dataclass(frozen=True)
class Format:
    """One kind of annotation file.

    Args:
        suffixes: they decide how a file is parsed.
        recognises: whether parsed content is of this format. The first row that recognises a file reads it.
        read: the ROIs in file order.
        lacks: what the format cannot say and the user has to give.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Any], bool]
    read: Callable[[AnnotationFile, Reading], list[Roi]]
    lacks: tuple[str, ...] = ("patients",)


FORMATS = (
    Format("LabelMe", JSON, is_labelme, read_labelme),
    Format("COCO", JSON, is_coco, read_coco, ()),
    Format("VIA 3", JSON, is_via3, read_via3, ("patients", PICTURE_SIZE)),
    Format("VIA", JSON, is_via, read_via, ("patients", PICTURE_SIZE)),
    Format("Label Studio", JSON, is_label_studio, read_label_studio, ()),
    Format("Pascal VOC", XML, is_voc, read_voc),
    Format("VIA", TEXT, is_via_csv, read_via_csv, ("patients", PICTURE_SIZE)),
    Format("VIA 3", TEXT, is_via3_csv, read_via3_csv, ("patients", PICTURE_SIZE)),
    Format("Label Studio", TEXT, is_label_studio_csv, read_label_studio_csv, ()),
    Format("YOLO", (YOLO,), is_yolo_labels, read_yolo),
    Format("ROI table", TEXT, is_roi_table, read_roi_table, ()),
)


def say_what_is_lacking(kind: Format, path: Path, note: Callable[[str], None]) -> None:
    """Note that a format cannot tell whether another copy of a radiograph was marked."""
    if PICTURE_SIZE in kind.lacks:
        note(
            f"{path}: {kind.name} does not state the {PICTURE_SIZE} that was marked; boxes are taken for pixels of the "
            "radiograph"
        )


def open_annotations(path: Path, note: Callable[[str], None], prefix: str = "") -> tuple[Format, AnnotationFile]:
    """A file parsed, and the format that reads it.

    Raises:
        DataError: another suffix, or content that cannot be parsed.
        UnknownFormatError: content that no format recognises.
    """
    suffix = path.suffix.lower()
    if suffix in TEXT:
        content: Any = (open_yolo(path, bool(prefix)) if suffix == YOLO else None) or read_table(path, note)
    elif suffix in JSON:
        content = load_json(path)
    elif suffix in XML:
        content = load_xml(path)
    else:
        known = ", ".join(dict.fromkeys(suffix for row in FORMATS for suffix in row.suffixes))
        hint = "; save a spreadsheet as CSV UTF-8" if suffix in (".xlsx", ".xls", ".ods", ".numbers") else ""
        raise DataError(f"ROI table {path}: expected {known} or a folder, got {path.suffix!r}{hint}")
    for row in FORMATS:
        if suffix in row.suffixes and row.recognises(content):
            return row, AnnotationFile(path, content, prefix)
    raise UnknownFormatError(f"{path}: {_unknown(content, suffix)}")


def _unknown(content: Any, suffix: str) -> str:
    if suffix in XML:
        hint = "; CVAT's own XML is not read, export as COCO or Pascal VOC" if content.tag == "annotations" else ""
        return f"not Pascal VOC: the root is <{content.tag}>, expected <annotation>{hint}"
    names = dict.fromkeys(row.name for row in FORMATS if suffix in row.suffixes)
    return (
        f"neither COCO (images, annotations), LabelMe (shapes), VIA (filename, regions) nor another known format "
        f"({', '.join(names)})"
    )


def load_json(path: Path) -> Any:
    """The tree of a JSON file.

    Raises:
        DataError: unreadable, or not JSON.
    """
    try:
        content = path.read_bytes()
        return json.loads(
            content.decode("utf-8-sig" if not content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-16")
        )
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None


def load_xml(path: Path) -> Any:
    """The root element of an XML file.

    Raises:
        DataError: unreadable, not XML, or with a document type declaration.
    """
    try:
        return fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException:
        raise DataError(
            f"{path}: a document type declaration is not accepted (it can make a small file huge)"
        ) from None
    except (OSError, ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path}: cannot be read as XML: {error}") from None

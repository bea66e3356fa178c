"""An audit as JSON and as one HTML page with histograms and thumbnails.

The page lies beside the data and names radiographs and ROIs as the ROI table does; no patient. The JSON has lines and
keys only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from keras_cwp.audit.checks import passed
from keras_cwp.audit.findings import Finding, Level
from keras_cwp.data.prepared import PreparedData
from keras_cwp.files import updated_folder, write_text
from keras_cwp.report.audit_plots import draw_audit
from keras_cwp.report.blocks import Block, Gallery, Listing, Text
from keras_cwp.report.examples import data_uri
from keras_cwp.report.page import Page, Section, fill, write_page
from keras_cwp.report.tables import Link, Table
from keras_cwp.wording import plural, verb

_THUMB_PX = 140
_SHOWN = 4  # thumbnails of one group
_ALARM: dict[Level, str] = {"error": "bad", "warning": "doubtful", "note": "good"}


@dataclass(frozen=True, eq=False)
class Audited:
    """What the page is about.

    Args:
        passed: a sentence for each check that found nothing.
    """

    findings: Sequence[Finding]
    passed: Sequence[str]
    data: PreparedData


def write_audit(findings: list[Finding], data: PreparedData, out: Path, against: bool = False) -> None:
    """Write audit.json, audit.html and tables/findings.csv into a folder; all of them or, where that fails, none.

    Args:
        against: a second data set was compared.

    Raises:
        CwpError: the disk refuses.
    """
    audited = Audited(findings, passed(findings, data, against), data)
    counts = data.meta["counts"]
    page = Page(
        kind="Audit of a prepared data set",
        title=f"Audit of {data.path.resolve().name}",
        lead=[
            "Line numbers are lines of manifest.csv in the data set; line 1 is its header.",
            "Radiographs and ROIs have the names of the ROI table, so keep this page where the data are.",
        ],
        sections=fill(SECTIONS, audited, "".join(data.classes))
        + fill([_pictures(number, audited) for number in _illustrated(audited)], audited),
        alarm=verdict(findings),
        alarm_level=_ALARM[_worst(findings)],
        facts={
            "ROIs": f"{counts['rois']:,}",
            "Radiographs": f"{counts['images']:,}",
            "Patients": f"{counts['patients']:,}",
            "Classes": ", ".join(data.classes),
            "Crops": f"{data.image_size} × {data.image_size} px",
        },
    )
    with updated_folder(out) as folder:
        write_page(page, folder / "audit.html")
        write_text(folder / "audit.json", json.dumps(_tree(audited), indent=1) + "\n")


def verdict(findings: Sequence[Finding]) -> str:
    """Whether results on this data set can be trusted, in a sentence or two."""
    numbers = {level: sum(finding.level == level for finding in findings) for level in _ALARM}
    errors, warnings = (plural(numbers[level], level) for level in ("error", "warning"))
    if numbers["error"]:
        return f"Correct this data set before you train: {errors} and {warnings}. An error makes metrics untrustworthy."
    if numbers["warning"]:
        look = verb(numbers["warning"], "it", "them")
        return f"No errors, but {warnings}: look at {look} before you train."
    return "No errors and no warnings: nothing was found that would spoil a result."


def _worst(findings: Sequence[Finding]) -> Level:
    return next((level for level in _ALARM if any(finding.level == level for finding in findings)), "note")


def _tree(audited: Audited) -> dict[str, Any]:
    """audit.json."""
    data = audited.data
    return {
        "data_hash": data.content_hash,
        "verdict": verdict(audited.findings),
        "findings": [
            {
                "level": finding.level,
                "check": finding.check,
                "message": finding.message,
                "count": finding.count,
                "manifest_lines": [[row + 2 for row in group] for group in finding.rows],
                "roi_keys": [[data.manifest[row].roi_key for row in group] for group in finding.rows],
            }
            for finding in audited.findings
        ],
        "passed": list(audited.passed),
    }


def _findings(audited: Audited) -> Sequence[Block]:
    rows = tuple(
        (Link(finding.check, f"f{number}") if finding.rows else finding.check, finding.level, finding.message)
        for number, finding in enumerate(audited.findings)
    )
    return [Table("findings", "Findings, the gravest first", ("check", "level", "finding"), rows)]


def _passed(audited: Audited) -> Sequence[Block]:
    return [Listing("", tuple(f"{meaning[0].upper()}{meaning[1:]}." for meaning in audited.passed))]


SECTIONS: tuple[Section[Audited], ...] = (
    Section("findings", "Findings", "Findings", _findings, lambda audited: bool(audited.findings)),
    Section("passed", "Checks passed", "Passed", _passed, lambda audited: bool(audited.passed)),
    Section("distributions", "Distributions", "Distributions", lambda audited: [draw_audit(audited.data)]),
)


def _illustrated(audited: Audited) -> list[int]:
    """Numbers of the findings that have pictures."""
    return [number for number, finding in enumerate(audited.findings) if finding.rows]


def _pictures(number: int, audited: Audited) -> Section[Audited]:
    """The section of one finding: a group of pictures for each of its rows or pairs."""
    finding = audited.findings[number]
    shown = f" The first {len(finding.rows)} are shown." if finding.count > len(finding.rows) else ""

    def content(audited: Audited) -> Sequence[Block]:
        groups = [_group(rows, finding.level, audited.data) for rows in finding.rows]
        return [Text(f"{finding.message}.{shown}"), Gallery({"": groups})]

    title = f"{finding.level.capitalize()}: {finding.check}"
    return Section(f"f{number}", title, finding.check, content)


def _group(rows: tuple[int, ...], level: Level, data: PreparedData) -> dict[str, Any]:
    some = rows[:_SHOWN]
    lines = [f"line {row + 2}: {data.manifest[row].label}" for row in some]
    if len(rows) > len(some):
        lines.append(f"and {len(rows) - len(some)} more")
    side = {"width": _THUMB_PX, "height": _THUMB_PX}
    images = [
        {"src": data_uri(_thumbnail(crop, data)), "alt": f"crop of line {row + 2}", **side}
        for row, crop in zip(some, data.read(np.array(some)), strict=True)
    ]
    return {
        "state": "right" if level == "note" else "wrong",
        "images": images,
        "lines": lines,
        "file": _names(some, data),
    }


def _names(rows: tuple[int, ...], data: PreparedData) -> str:
    """Radiographs and ROIs as the ROI table names them; of a ROI that is named after its radiograph, that alone."""
    named = []
    for row in rows:
        found = data.manifest[row]
        named.append(found.roi_id if found.image in found.roi_id else f"{found.image}: {found.roi_id}")
    return "\n".join(dict.fromkeys(named))


def _thumbnail(crop: np.ndarray, data: PreparedData) -> np.ndarray:
    """uint8 [140, 140] of the ROI without its margin."""
    inner = slice(data.margin, data.margin + data.image_size)
    grey = (crop[inner, inner].astype(np.float32) * (255 / np.iinfo(data.dtype).max)).astype(np.uint8)
    return cv2.resize(grey, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)

"""An audit as JSON and as one HTML page with thumbnails. Neither names a patient or a file: rows and keys only."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path

import cv2
import numpy as np

from keras_cwp.data.audit import Finding
from keras_cwp.data.manifest import PreparedData
from keras_cwp.files import write_text

_THUMB_PX = 140
_STYLE = """body{font:15px/1.5 sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222}
h2{font-size:1.1em;margin:1.6em 0 .3em}.error{color:#a00}.warning{color:#a60}.note{color:#555}
figure{display:inline-block;margin:.3em .8em .3em 0}figcaption{font-size:.8em;color:#555}img{margin-right:2px}"""


def write_audit(findings: list[Finding], data: PreparedData, out: Path) -> None:
    """Write audit.json and audit.html into a folder.

    Raises:
        CwpError: the disk refuses.
    """
    tree = {
        "data_hash": data.content_hash,
        "findings": [
            {
                "level": finding.level,
                "check": finding.check,
                "message": finding.message,
                "count": finding.count,
                "manifest_lines": [[row + 2 for row in group] for group in finding.rows],
                "roi_keys": [[data.manifest[row].roi_key for row in group] for group in finding.rows],
            }
            for finding in findings
        ],
    }
    write_text(out / "audit.json", json.dumps(tree, indent=1) + "\n")
    write_text(out / "audit.html", _page(findings, data))


def _page(findings: list[Finding], data: PreparedData) -> str:
    counts = data.meta["counts"]
    head = f"{counts['rois']} ROIs on {counts['images']} radiographs of {counts['patients']} patients"
    body = "\n".join(_section(finding, data) for finding in findings)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Audit</title><style>{_STYLE}</style></head>'
        f"<body><h1>Audit of a data set</h1><p>{head}. Lines are those of manifest.csv in the data set.</p>\n{body}\n"
        "</body></html>\n"
    )


def _section(finding: Finding, data: PreparedData) -> str:
    figures = "".join(_figure(group, data) for group in finding.rows)
    level = f'<span class="{finding.level}">{finding.level}</span>'
    return f"<h2>{level}: {escape(finding.check)}</h2><p>{escape(finding.message)}</p>{figures}"


def _figure(group: tuple[int, ...], data: PreparedData) -> str:
    shown = group[:4]
    images = "".join(f'<img alt="" src="{_thumbnail(crop, data)}">' for crop in data.read(np.array(shown)))
    lines = ", ".join(f"line {row + 2}, {data.manifest[row].label}" for row in shown)
    return f"<figure>{images}<figcaption>{escape(lines)}</figcaption></figure>"


def _thumbnail(crop: np.ndarray, data: PreparedData) -> str:
    inner = slice(data.margin, data.margin + data.image_size)
    grey = (crop[inner, inner].astype(np.float32) * (255 / np.iinfo(data.dtype).max)).astype(np.uint8)
    small = cv2.resize(grey, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", small)[1].tobytes()).decode()

"""An audit as JSON and as one HTML page with thumbnails. Neither names a patient or a file: rows and keys only."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path

import cv2
import numpy as np

from keras_cwp.audit.checks import Finding
from keras_cwp.data.prepared import PreparedData
from keras_cwp.files import write_text

_THUMB_PX = 140
_SHOWN = 4  # thumbnails of one group
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;
color:#222;background:#fff}
h1{font-size:1.5em}h2{font-size:1.05em;margin:2em 0 .2em}p{margin:.2em 0 .8em}
.level{display:inline-block;min-width:4.6em;padding:.05em .5em;margin-right:.6em;border-radius:3px;color:#fff;
font-size:.85em;text-align:center}.error{background:#a3201d}.warning{background:#9a5b00}.note{background:#5f6b76}
table{border-collapse:collapse;margin:1em 0}td{padding:.25em .8em .25em 0;vertical-align:top;border-top:1px solid #ddd}
a{color:inherit}.groups{display:flex;flex-wrap:wrap;gap:12px}
.group{display:flex;gap:4px;padding:6px;border:1px solid #ddd;border-radius:4px;max-width:100%;box-sizing:border-box}
figure{margin:0;flex:0 1 140px;min-width:0}img{display:block;width:100%}
figcaption{font-size:.8em;line-height:1.3;color:#555;padding-top:3px;overflow-wrap:anywhere}"""


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
    lines = "".join(_line(number, finding) for number, finding in enumerate(findings))
    body = "\n".join(_section(number, finding, data) for number, finding in enumerate(findings))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Audit</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>Audit of a data set</h1><p>{head}. Lines are those of manifest.csv in the data set.</p>\n"
        f"<table>{lines}</table>\n{body}\n</body></html>\n"
    )


def _line(number: int, finding: Finding) -> str:
    """A finding in the table at the top, with a link to its pictures where there are any."""
    check = escape(finding.check)
    name = f'<a href="#f{number}">{check}</a>' if finding.rows else check
    return f"<tr><td>{_level(finding)}</td><td>{name}</td><td>{escape(finding.message)}</td></tr>"


def _section(number: int, finding: Finding, data: PreparedData) -> str:
    if not finding.rows:
        return ""
    groups = "".join(_group(rows, data) for rows in finding.rows)
    shown = f" The first {len(finding.rows)}:" if finding.count > len(finding.rows) else ""
    return (
        f'<h2 id="f{number}">{_level(finding)}{escape(finding.check)}</h2><p>{escape(finding.message)}.{shown}</p>'
        f'<div class="groups">{groups}</div>'
    )


def _level(finding: Finding) -> str:
    return f'<span class="level {finding.level}">{finding.level}</span>'


def _group(rows: tuple[int, ...], data: PreparedData) -> str:
    shown = rows[:_SHOWN]
    figures = "".join(
        f'<figure><img alt="" src="{_thumbnail(crop, data)}">'
        f"<figcaption>line {row + 2}<br>{escape(data.manifest[row].label)}</figcaption></figure>"
        for row, crop in zip(shown, data.read(np.array(shown)), strict=True)
    )
    more = f"<figcaption>and {len(rows) - len(shown)} more</figcaption>" if len(rows) > len(shown) else ""
    return f'<div class="group">{figures}{more}</div>'


def _thumbnail(crop: np.ndarray, data: PreparedData) -> str:
    inner = slice(data.margin, data.margin + data.image_size)
    grey = (crop[inner, inner].astype(np.float32) * (255 / np.iinfo(data.dtype).max)).astype(np.uint8)
    small = cv2.resize(grey, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", small)[1].tobytes()).decode()

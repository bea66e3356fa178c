"""YOLO's label files, which are not read, so that they can be named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_LINE = re.compile(r"\d+(?:[ \t]+[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?){4,}")
_LOOKED_AT = 4096  # bytes of a file
YOLO_HINT = (
    "YOLO labels (class cx cy width height), which name neither class nor picture and are not read; export as COCO or "
    "Pascal VOC"
)


def is_yolo(text: str) -> bool:
    """Whether every line is a class number and at least four numbers, with blanks between."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and all(_LINE.fullmatch(line) for line in lines)


def yolo_files(files: Iterable[Path]) -> list[Path]:
    """The YOLO label files among some."""
    return [file for file in files if file.suffix.lower() == ".txt" and is_yolo(_beginning(file))]


def _beginning(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            text = file.read(_LOOKED_AT).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return text if len(text) < _LOOKED_AT else text.rpartition("\n")[0]

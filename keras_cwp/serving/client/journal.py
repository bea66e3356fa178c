"""What was scored so far, beside the table to be: a run that was interrupted goes on from there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.errors import CwpError, ServingError


@dataclass(frozen=True, eq=False)
class Scored:
    """The answer to one region; see `transport.Reply`."""

    probabilities: np.ndarray
    members: tuple[bool, ...] | None = None
    distance: float | None = None

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> Scored:
        """From a line of the file; those of earlier versions hold probabilities only."""
        members = line.get("set")
        probabilities = np.array(line["probabilities"], dtype=np.float64)
        return cls(probabilities, None if members is None else tuple(members), line.get("distance"))

    def as_line(self) -> dict[str, Any]:
        """For JSON."""
        return {"probabilities": self.probabilities.tolist(), "set": self.members, "distance": self.distance}


Found = dict[tuple[str, str], Scored]


class Journal:
    """A file NAME.part beside the table: its first line says which model answered, each other one holds a region.

    Args:
        out: the table to be.
        model: address, version and inputs that all rows have to come from.

    Raises:
        ServingError: a file of another model or version is there.
        CwpError: it cannot be written.
    """

    def __init__(self, out: Path, model: dict[str, Any]) -> None:
        self.path = out.with_name(f"{out.name}.part")
        self.classes: tuple[str, ...] = ()
        self.found: Found = {}
        kept = self._read(model)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the journal is
        except OSError as error:
            raise self._cannot(error) from None
        self._write([model, *kept])

    def add(self, rows: Iterable[tuple[Roi, Scored]], classes: tuple[str, ...]) -> None:
        """Note regions that were scored.

        Raises:
            ServingError: other classes than before.
            CwpError: they cannot be written.
        """
        if self.classes not in ((), classes):
            raise ServingError(f"the server's classes were {list(self.classes)}, now they are {list(classes)}")
        self.classes = classes
        lines = []
        for roi, scored in rows:
            self.found[key_of(roi)] = scored
            lines.append({"key": key_of(roi), "classes": classes} | scored.as_line())
        self._write(lines)

    def close(self, done: bool) -> None:
        """Close the file, and remove it when the table is written."""
        with contextlib.suppress(OSError):  # of a full disk, which was said when it was written to
            self._file.close()
        if done:
            self.path.unlink(missing_ok=True)

    def _write(self, lines: list[Any]) -> None:
        try:
            self._file.write("".join(json.dumps(line) + "\n" for line in lines))
            self._file.flush()
        except OSError as error:
            raise self._cannot(error) from None

    def _cannot(self, error: OSError) -> CwpError:
        return CwpError(f"cannot write {self.path}: {error.strerror}")

    def _read(self, model: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows that an earlier run left; a last line that it did not finish is left out."""
        if not self.path.exists():
            return []
        first, *lines = [*_whole_lines(self.path)] or [None]
        if first is None:
            return []
        if first != model:
            raise ServingError(
                f"{self.path}: the rows there are of {_shown(first)}, now {_shown(model)} answers; remove the file "
                "to begin again"
            )
        for line in lines:
            self.classes = tuple(line["classes"])
            self.found[tuple(line["key"])] = Scored.of_line(line)
        return lines


def key_of(roi: Roi) -> tuple[str, str]:
    """What tells a region from all others of a run, however often it is started."""
    return roi.roi_id, str(roi.path)


def _whole_lines(path: Path) -> Iterable[Any]:
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    except OSError as error:
        raise CwpError(f"cannot read {path}: {error.strerror}") from None
    for text in texts:
        try:
            yield json.loads(text)
        except ValueError:
            return


def _shown(model: Any) -> str:
    if not isinstance(model, dict):
        return "something else"
    return f"{model.get('address')} version {model.get('version')}"

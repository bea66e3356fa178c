"""The reading desk: films, model and readers' tables together; each method answers one question of the page."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keras_cwp.data.identity import near_key
from keras_cwp.errors import CwpError, DataError
from keras_cwp.prediction.archive import Archive
from keras_cwp.reader.agreement import agreement_of
from keras_cwp.reader.answers import Answers
from keras_cwp.reader.films import Film, Films
from keras_cwp.reader.marks import box_of, film_marks_of, reader_name, with_revision
from keras_cwp.reader.sending import FOLDER, send_film, why_no_report
from keras_cwp.reader.suggest import Look, suggest, uncertainty_of, zones
from keras_cwp.reader.tables import ReaderTable, read_rows, readers_in, table_path


class Desk:
    """See the module.

    Args:
        answers: the model.
        films: to read.
        out: folder of the readers' tables and of reports.
        reader: pseudonym to begin with; "" lets the page ask.
        blind: the page shows the model's answer and given labels only when the box has the reader's own label.
        archive: that reports are sent to, beside the folder.
    """

    def __init__(
        self,
        answers: Answers,
        films: Films,
        out: Path,
        reader: str = "",
        blind: bool = False,
        archive: Archive | None = None,
    ) -> None:
        self._answers, self._films, self._out = answers, films, out
        self._reader, self._blind, self._archive = reader, blind, archive
        self._tables: dict[str, ReaderTable] = {}
        self._lock = threading.Lock()
        self._looks: dict[int, Look] = {}
        self._unread: set[int] = set()  # films that cannot be read, known once they were tried
        self._stop = threading.Event()
        self._looking: threading.Thread | None = None

    def start(self) -> None:
        """Begin what is prepared in the background.

        Raises:
            CwpError: the table of the reader to begin with cannot be opened.
        """
        if self._reader:
            self._table(self._reader)
        self._answers.start()

    def close(self) -> None:
        """End the background work and release the tables."""
        self._answers.stop()
        self.release()

    def release(self) -> None:
        """The same, except the model, which another desk may go on with."""
        self._stop.set()
        if self._looking is not None:
            self._looking.join()
        for table in self._tables.values():
            table.close()

    def study(self) -> dict[str, Any]:
        """What the page begins with: the model, the films, the readers."""
        films = [
            {"number": number, "name": self._films[number].image, "given": len(self._films[number].given)}
            for number in range(len(self._films))
        ]
        share = self._answers.contract.region_share
        return {
            "box_share": share[1] if share else None,
            "model": self._answers.about(),
            "films": films,
            "readers": readers_in(self._out),
            "reader": self._reader,
            "blind": self._blind,
            "archive": self._archive.address if self._archive else "",
        } | self.state()

    def state(self) -> dict[str, Any]:
        """What is prepared by now."""
        return self._answers.state()

    def reading(self, reader: Any) -> dict[str, Any]:
        """What a reader marked so far, by number of the film; opens the reader's table.

        Raises:
            CwpError: no such name, or the table is open elsewhere or damaged.
        """
        table = self._table(reader_name(reader))
        saved = table.films()
        films = {
            str(number): saved[image].tree()
            for number in range(len(self._films))
            if (image := self._films[number].image) in saved
        }
        return {"reader": table.reader, "table": table.path.name, "films": films}

    def film(self, number: int) -> dict[str, Any]:
        """What is known of a film; decodes it.

        Raises:
            CwpError: no such film, or it cannot be read.
        """
        film, pixels = self._films[number], self._films.pixels(number)
        height, width = pixels.grey.shape
        return {
            "number": number,
            "name": film.image,
            "width": width,
            "height": height,
            "bits": pixels.radiograph.bits,
            "bytes": pixels.grey.dtype.itemsize,
            "white": pixels.white,
            "spacing_mm": self._films.spacing_mm(number),
            "presets": [preset.tree() for preset in pixels.presets],
            "notes": list(pixels.radiograph.notes),
            "patient": self._films.patient(number),
            "given": self._given(film, (width, height)),
            "no_report": why_no_report(film),
        }

    def pixels(self, number: int) -> bytes:
        """Grey values row by row, one byte or two (least first) each."""
        grey = self._films.pixels(number).grey
        return grey.astype(grey.dtype.newbyteorder("<"), copy=False).tobytes()

    def thumbnail(self, number: int) -> bytes:
        """A small PNG."""
        return self._films.thumbnail(number)

    def answer(self, number: int, box: Any) -> dict[str, Any]:
        """What the model says of a box; see `Answers.of_box`."""
        pixels = self._films.pixels(number)
        placed = box_of(box, pixels.grey.shape[::-1])
        return self._answers.of_box(pixels, placed, self._films.spacing_mm(number)) | {"box": list(placed)}

    def heat(self, number: int, box: Any, class_name: Any) -> dict[str, Any]:
        """The heat map of a box; see `Answers.heat_of`."""
        pixels = self._films.pixels(number)
        placed = box_of(box, pixels.grey.shape[::-1])
        return self._answers.heat_of(pixels, placed, self._films.spacing_mm(number), str(class_name))

    def training_picture(self, row: int) -> bytes:
        """PNG of a training ROI."""
        return self._answers.training_picture(row)

    def save(self, number: int, tree: Mapping[str, Any]) -> dict[str, Any]:
        """Save what a reader marked on a film.

        Args:
            tree: `reader`, `revision`, and what `film_marks_of` takes.

        Returns:
            What was saved, with its new revision, and `caution`: a sentence about the patient id, or "".

        Raises:
            CwpError: see `ReaderTable.save`.
        """
        film, table = self._films[number], self._table(reader_name(tree.get("reader")))
        header = self._films.header(number)
        revision = tree.get("revision")
        if not isinstance(revision, int) or isinstance(revision, bool):
            raise DataError(f"revision: expected a whole number, got {revision!r}")
        marks = film_marks_of(tree, (header.width, header.height))
        saved = table.save(film.image, with_revision(marks, revision))
        return saved.tree() | {"caution": self._caution(number, saved.patient, table)}

    def suggest(self, reader: Any) -> dict[str, Any]:
        """Films that would teach most, best first, among those that were looked at by now; begins to look.

        Returns:
            `films`, `seen` and `count` of films.
        """
        table = self._table(reader_name(reader))
        with self._lock:
            if self._looking is None:
                self._looking = threading.Thread(target=self._look_at_all, name="suggest", daemon=True)
                self._looking.start()
        saved = table.films()
        read = {n for n in range(len(self._films)) if (m := saved.get(self._films[n].image)) and m.done}
        patients = []
        for number in range(len(self._films)):
            marks = saved.get(self._films[number].image)
            patients.append((marks.patient if marks else "") or self._films.patient(number))
        looks = dict(self._looks)
        return {
            "films": suggest(looks, patients, read),
            "seen": len(looks) + len(self._unread),
            "count": len(self._films),
        }

    def agreement(self, first: Any, second: Any) -> dict[str, Any]:
        """How far two readers agree; see `agreement_of`.

        Raises:
            CwpError: the same reader twice, or one without a table.
        """
        names = [reader_name(first), reader_name(second)]
        if names[0] == names[1]:
            raise DataError(f"agreement: {names[0]!r} was named twice; it takes two readers")
        tables = []
        for name in names:
            open_table = self._tables.get(name)
            rows = open_table.rows() if open_table else read_rows(table_path(self._out, name), name)
            if not rows:
                raise DataError(f"agreement: reader {name!r} has labelled no box with a patient yet")
            tables.append(rows)
        number = {self._films[each].image: each for each in range(len(self._films))}
        found = agreement_of(tables[0], tables[1], self._answers.classes)
        for each in found["disagreements"]:
            each["film"] = number.get(each.pop("image"))
        return found | {"readers": names}

    def send(self, number: int, reader: Any) -> dict[str, Any]:
        """Write a structured report of a film's boxes, and send it to the archive; see `sending.send_film`.

        Returns:
            See `sending.Sent`; `folder` is named below the folder of the readers' tables.
        """
        marks = self._table(reader_name(reader)).of(self._films[number].image)
        boxes, out = marks.marks if marks else (), self._out / FOLDER
        sent = send_film(self._answers, self._films, number, boxes, out, self._archive)
        return asdict(sent) | {"folder": f"{FOLDER}/{sent.folder.name}"}

    def _table(self, reader: str) -> ReaderTable:
        with self._lock:
            if reader not in self._tables:
                known = {name.casefold(): name for name in (*readers_in(self._out), *self._tables)}
                same = known.get(reader.casefold(), reader)
                if same != reader:
                    raise DataError(f"reader {reader!r}: there is a reader {same!r} already; take that name or another")
                images = [self._films[number].image for number in range(len(self._films))]
                self._tables[reader] = ReaderTable(self._out, reader, images)
            return self._tables[reader]

    def _given(self, film: Film, size: tuple[int, int]) -> list[dict[str, Any]]:
        """Boxes that a ROI table marked; one without a box is the whole film."""
        found = []
        for roi in film.given:
            box = box_of(list(roi.box or (0.0, 0.0, *map(float, size))), size, roi.where)
            found.append({"roi_id": roi.roi_id, "box": list(box), "label": roi.label})
        return found

    def _caution(self, number: int, patient: str, table: ReaderTable) -> str:
        """What `prepare` would ask about a patient id."""
        own = self._films.patient(number)
        if patient and own and near_key(own) != near_key(patient):
            return "This is not the patient id that the film came with."
        for image, marks in table.films().items():
            if marks.patient != patient and near_key(marks.patient) == near_key(patient) and patient:
                return f"Another film has this id in another spelling: {marks.patient} ({image})."
        return ""

    def _look_at_all(self) -> None:
        """In a thread of its own: what the model sees in each film."""
        for number in range(len(self._films)):
            if self._stop.is_set():
                return
            try:
                self._looks[number] = self._look(number)
            except CwpError:
                self._unread.add(number)

    def _look(self, number: int) -> Look:
        film, pixels, header = self._films[number], self._films.pixels(number, keep=False), self._films.header(number)
        size = (header.width, header.height)
        boxes = [box_of(each["box"], size) for each in self._given(film, size)]
        share = self._answers.contract.region_share
        boxes = boxes or zones(*size, share[1] if share else None)
        probabilities, features = self._answers.looks(pixels, boxes, self._films.spacing_mm(number))
        return Look(uncertainty_of(probabilities), features.mean(axis=0))

"""The films to read: found, numbered, and decoded when they are wanted; a few are kept decoded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pydicom

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.read import read_rois
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.identity import names_nobody, tidy
from keras_cwp.data.radiographs.dicom_file import is_dicom_file
from keras_cwp.data.radiographs.radiograph import Header, read_header
from keras_cwp.data.radiographs.spacing import spacing_from
from keras_cwp.errors import CwpError, DataError
from keras_cwp.prediction.folders import image_files
from keras_cwp.prediction.regions import TABLE_SUFFIXES
from keras_cwp.reader.marks import is_writable
from keras_cwp.reader.pixels import FilmPixels, decode_film, shaded

KEPT_BYTES = 144 << 20  # of decoded films: three DICOM films of 2,500 × 3,000 pixels
THUMBNAIL_PX = 160  # the longer side; shown at half of it on a dense screen
_TAGS = ("PatientID", "PatientName", "IssuerOfPatientID")


@dataclass(frozen=True)
class Film:
    """A radiograph to read.

    Args:
        number: its place in the list, from 0; the page knows films by it.
        image: name below the folder of radiographs, as a ROI table has it.
        path: the file.
        given: ROIs that a table marked on it.
    """

    number: int
    image: str
    path: Path
    given: tuple[Roi, ...] = ()


def films_of_folder(
    folder: Path, refuse: Callable[[DataError, int], None], note: Callable[[str], None], leave_out: Path | None = None
) -> tuple[Path, list[Film]]:
    """Every radiograph in a folder and below (or the one file), with the folder that their names are relative to.

    Args:
        refuse: gets an error for each picture of a type that is not read, and of a name that no table can hold.
        note: gets a line about files that are no pictures.
        leave_out: folder of the reports that were sent: DICOM files, and no films.

    Raises:
        DataError: nothing is there.
    """
    away = None if leave_out is None else leave_out.resolve()
    paths = [path for path in image_files(folder, refuse, note) if away is None or away not in path.resolve().parents]
    root = folder if folder.is_dir() else folder.parent
    for path in [path for path in paths if not is_writable(str(path))]:
        paths.remove(path)
        refuse(DataError(f"image {str(path)!r}: its name is no UTF-8, so no table can name it; rename it"), 1)
    if not paths:
        raise DataError(f"{folder}: no radiographs in it; DICOM, PNG, JPEG and TIFF files are read")
    return root, [Film(n, path.relative_to(root).as_posix(), path) for n, path in enumerate(paths)]


def films_of_table(table: Path, images: Path | None, note: Callable[[str], None]) -> tuple[Path, list[Film]]:
    """The radiographs that a ROI table names, with its ROIs, and the folder of radiographs.

    Args:
        images: folder that the table's names are relative to; None: where the table lies.

    Raises:
        DataError: see `read_rois`; labels and patients may be missing.
    """
    root = images or table.parent
    by_image: dict[str, list[Roi]] = {}
    for roi in read_rois(table, root, to_predict=True, note=note):
        by_image.setdefault(roi.image, []).append(roi)
    films = [Film(n, image, rois[0].path, tuple(rois)) for n, (image, rois) in enumerate(by_image.items())]
    return root, films


def is_table(path: Path) -> bool:
    """Whether an input is a ROI table by its suffix."""
    return path.is_file() and path.suffix.lower() in TABLE_SUFFIXES


class Films:
    """The list, and what is decoded of it.

    Args:
        films: numbered from 0.
        rules: how DICOM grey values are made for the model.
        kept_bytes: memory for decoded films; the one asked for last is kept in any case.
    """

    def __init__(self, films: Sequence[Film], rules: DataConfig, kept_bytes: int = KEPT_BYTES) -> None:
        self._films, self._rules, self._most = tuple(films), rules, kept_bytes
        self._decoded: OrderedDict[int, FilmPixels] = OrderedDict()
        self._thumbnails: dict[int, bytes] = {}
        self._headers: dict[int, Header] = {}
        self._patients: dict[int, str] = {}
        self._lock = threading.Lock()  # one film is decoded at a time: decoders take several times its size

    def __len__(self) -> int:
        return len(self._films)

    def __getitem__(self, number: int) -> Film:
        """The film of a number.

        Raises:
            CwpError: there is none.
        """
        if not 0 <= number < len(self._films):
            raise CwpError(f"film {number}: there are {len(self._films)} films, numbered from 0")
        return self._films[number]

    def pixels(self, number: int, keep: bool = True) -> FilmPixels:
        """A decoded film, from memory where it is kept there.

        Args:
            keep: among the decoded ones; False for a pass over all films.

        Raises:
            DataError: it cannot be read.
        """
        film = self[number]
        with self._lock:
            found = self._decoded.get(number) or decode_film(film.path, self._rules)
            if keep:
                self._decoded[number] = found
                self._decoded.move_to_end(number)
                self._forget()
            if number not in self._thumbnails:
                self._thumbnails[number] = _thumbnail(found)
        return found

    def kept_bytes(self) -> int:
        """Memory that decoded films take now."""
        return sum(each.size_bytes for each in self._decoded.values())

    def thumbnail(self, number: int) -> bytes:
        """A small PNG of a film; it is decoded for that once.

        Raises:
            DataError: it cannot be read.
        """
        if number not in self._thumbnails:
            self.pixels(number, keep=False)
        return self._thumbnails[number]

    def header(self, number: int) -> Header:
        """Size, spacing and patient of a film, without decoding it.

        Raises:
            DataError: it cannot be read.
        """
        if number not in self._headers:
            self._headers[number] = read_header(self[number].path, self._rules)
        return self._headers[number]

    def spacing_mm(self, number: int) -> float | None:
        """Millimetres a pixel by the ROI table, else by the film's header; None where neither says."""
        for roi in self[number].given:
            if stated := roi.extra.get("spacing_mm"):
                return spacing_from(stated, roi.where)
        return self.header(number).spacing_mm

    def patient(self, number: int) -> str:
        """Patient id by the ROI table, else by the DICOM header; "" where there is none that can be used."""
        film = self[number]
        if number not in self._patients:
            stated = next((roi.patient_id for roi in film.given if roi.patient_id), None)
            self._patients[number] = tidy(stated) if stated else _patient_of_file(film.path)
        return self._patients[number]

    def _forget(self) -> None:
        while len(self._decoded) > 1 and self.kept_bytes() > self._most:
            self._decoded.popitem(last=False)


def _patient_of_file(path: Path) -> str:
    """PatientID of a DICOM file; "" where it is missing, names nobody, or is the person's name.

    Programs that remove names often write the id as PatientName too, so an id with a digit is taken for one.
    """
    try:
        if not is_dicom_file(path):
            return ""
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
        patient, name = (tidy(str(header.get(keyword) or "")) for keyword in _TAGS[:2])
    except Exception:  # pydicom raises of every kind on broken files, which are named when they are opened
        return ""
    words, person = (" ".join(text.replace("^", " ").split()).casefold() for text in (patient, name))
    is_name = not any(char.isdigit() for char in patient) and (words == person or "^" in patient)
    return "" if is_name or names_nobody(patient) else patient


def _thumbnail(pixels: FilmPixels) -> bytes:
    height, width = pixels.grey.shape
    scale = min(1.0, THUMBNAIL_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = shaded(pixels, cv2.resize(pixels.grey, size, interpolation=cv2.INTER_AREA))
    return bytes(cv2.imencode(".png", np.ascontiguousarray(small))[1])

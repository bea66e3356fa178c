"""What every reader of annotations is given: the file, the radiographs, and where to say what is odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from keras_cwp.data.annotations.faults import Faults, ignore_note
from keras_cwp.data.annotations.image_folder import ImageFolder
from keras_cwp.errors import DataError


class Oddity(NamedTuple):
    """Something that is read all the same: "1 box was", "2 boxes were", and what follows."""

    one: str
    many: str
    rest: str

    def said(self, count: int) -> str:
        """The sentence for so many."""
        return f"{count} {self.one if count == 1 else self.many} {self.rest}"


WITHOUT_REGION = Oddity("picture", "pictures", "without a region left out")
TURNED = Oddity("box was", "boxes were", "drawn turned; the upright box around each is taken")


@dataclass(frozen=True)
class AnnotationFile:
    """One file and what was parsed of it.

    Args:
        content: the tree of a JSON file, the root element of an XML file, or a `delimited.Table`.
        prefix: stands before the ROI ids of this file where several files are read; "" for one.
    """

    path: Path
    content: Any
    prefix: str = ""


@dataclass(frozen=True)
class Reading:
    """The circumstances of one call of `read_rois`.

    Args:
        images: the radiographs.
        patient_elsewhere: patients may be missing in a table, for something else states them.
        to_predict: labels and patients may be missing; a label is "" then, a patient None.
        label_attribute: the region attribute that holds the class, None for the only one in use.
        image_by: stated: an annotation file is about the picture that it states; name: about that of its own name;
            None: ask where the two differ.
        root: the folder of annotation files that is read, None for one file.
        names_as_written: odd names (test beside class folders) are meant.
        faults: gathers what is wrong with single entries.
        note: gets one line for each thing worth knowing.
        oddities: what is read all the same, counted; noted at the end.
        pictures: of formats with one file a radiograph: each file, and the picture that it states.
    """

    images: ImageFolder
    patient_elsewhere: bool = False
    to_predict: bool = False
    label_attribute: str | None = None
    image_by: str | None = None
    root: Path | None = None
    names_as_written: bool = False
    faults: Faults = field(default_factory=Faults)
    note: Callable[[str], None] = ignore_note
    oddities: Counter[Oddity] = field(default_factory=Counter)
    pictures: list[tuple[Path, str]] = field(default_factory=list)

    def picture(self, file: AnnotationFile, stated: str) -> tuple[str, Path]:
        """The radiograph that a file with one radiograph is about.

        Args:
            stated: the name that it states.

        Raises:
            DataError: no such radiograph; with `image_by` name: none, or several, of the file's own name.
        """
        if self.image_by == "name":
            own = self.images.with_stem(file.path.stem)
            if len(own) != 1:
                found = f"{own[0]!r} and {own[1]!r}" if own else "none"
                raise DataError(f"{file.path}: one radiograph of the file's own name is wanted, found {found}")
            return self.images.find(own[0], str(file.path))
        image, path = self.images.find(stated, str(file.path), self._beside(file))
        self.pictures.append((file.path, image))
        return image, path

    def _beside(self, file: AnnotationFile) -> Path:
        """The folder that a name may be relative to: the same one of the images folder, or that of the file."""
        parent = file.path.parent
        if self.root is not None and parent.is_relative_to(self.root):
            mirror = self.images.path / parent.relative_to(self.root)
            if mirror != self.images.path and mirror.is_dir():
                return mirror
        return parent

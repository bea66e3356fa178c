"""Formats with one file a radiograph: is a file about the picture of its name, and is a picture described once?"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.identity import file_key
from keras_cwp.errors import DataError


def check_pictures(reading: Reading, source: Path) -> None:
    """Compare the picture that each file states with the file's name and with the other files' pictures.

    Raises:
        DataError: files state another picture than that of their own name, which exists too; or a file is a copy of
            another and about the same picture.
    """
    if reading.image_by is None:
        _refuse_other_names(reading, source)
    files: dict[str, list[Path]] = {}
    for file, image in reading.pictures:
        files.setdefault(image, []).append(file)
    for image, of_image in files.items():
        _check_copies(reading, image, of_image)


def _refuse_other_names(reading: Reading, source: Path) -> None:
    other = [
        (file, image, own[0])
        for file, image in reading.pictures
        if file_key(PurePosixPath(image).stem) != file_key(file.stem) and (own := reading.images.with_stem(file.stem))
    ]
    if not other:
        return
    file, image, named = other[0]
    raise DataError(
        f"{source}: {len(other)} of {len(reading.pictures)} annotation files state another picture than the one of "
        f"their own name (first: {file.name} states {image!r}, and {named!r} is there too); were files renumbered "
        "or copied? State --image-by name (the picture of the file's name) or --image-by stated"
    )


def _check_copies(reading: Reading, image: str, files: list[Path]) -> None:
    if len(files) < 2:
        return
    first, second, *_ = files
    if first.read_bytes() == second.read_bytes():
        raise DataError(
            f"{second}: a copy of {first}; both are about image {image!r}, and its regions count twice: remove one"
        )
    reading.note(
        f"{first}, {second}: {len(files)} annotation files are about image {image!r}; the regions of all are taken"
    )

"""Notes on radiographs as lines for the user: one for all radiographs that the same is said of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def lines_of(notes: Mapping[str, Sequence[str]]) -> list[str]:
    """One line a note, in the order of first mention.

    Args:
        notes: of each radiograph, by its name.

    Returns:
        Lines such as "3 of 12 radiographs (first: 'a.dcm'): BurnedInAnnotation YES …", or "image 'a.dcm': …" of one.
    """
    images: dict[str, list[str]] = {}
    for image, said in notes.items():
        for note in said:
            images.setdefault(note, []).append(image)
    return [_line(note, found, len(notes)) for note, found in images.items()]


def _line(note: str, images: list[str], count: int) -> str:
    if len(images) == 1:
        return f"image {images[0]!r}: {note}"
    return f"{len(images)} of {count} radiographs (first: {images[0]!r}): {note}"

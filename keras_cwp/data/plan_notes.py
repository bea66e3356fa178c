"""What is worth knowing about a plan: boxes that were clipped, radiographs that are turned or say odd things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.data.picture import Picture
from keras_cwp.wording import plural, verb

_RARE = 0.1  # of the ROIs of another label: fewer may be a slip of the pen
_SHORTEST = 5  # letters of a label that can be misspelt; shorter ones are codes
_MOSTLY = 0.5  # of a box: less inside its radiograph is asked about


def plan_notes(
    clipped: list[tuple[Roi, Box]], pictures: list[Picture], margin: int, config: DataConfig, source: str
) -> list[str]:
    """Lines for the user.

    Args:
        clipped: ROIs whose box reaches beyond its radiograph, and what is left of the box.
        margin: of the crops, pixels.
        source: names the tables.
    """
    notes = []
    turned = [picture for picture in pictures if picture.header.orientation != 1]
    if turned and margin:
        notes.append(
            f"{source}: {len(turned)} of {len(pictures)} radiographs ask by EXIF to be turned (first: "
            f"{turned[0].image!r}); boxes are taken as drawn on the turned picture, as most tools show it"
        )
    if clipped:
        notes.append(f"{source}: {_clipped(clipped)}")
    notes += _odd_headers(pictures, source)
    unknown = sum(picture.spacing_mm is None for picture in pictures)
    if config.spacing_mm and unknown:
        notes.append(
            f"{source}: {unknown} of {len(pictures)} radiographs do not say their pixel spacing; their boxes are "
            f"scaled to the crop instead of to {config.spacing_mm} mm"
        )
    return notes


def alike_labels(rois: Sequence[Roi], source: str) -> list[str]:
    """A line for each rare label that is one letter away from a common one."""
    counts = Counter(roi.label for roi in rois)
    return [
        f"{source}: {rare!r} ({plural(few, 'ROI')}) and {common!r} ({plural(many, 'ROI')}) are two classes, one letter "
        f"apart; if {rare!r} is misspelt, correct it or give --labels MAP.yaml"
        for rare, few in counts.items()
        for common, many in counts.items()
        if few <= _RARE * many and _one_letter_apart(rare, common)
    ]


def _one_letter_apart(one: str, other: str) -> bool:
    """By a letter that is missing, added or another, or by two that changed places; not by a digit or a Roman one."""
    if one == other or min(len(one), len(other)) < _SHORTEST:
        return False
    start = _alike(one, other)
    end = _alike(one[start:][::-1], other[start:][::-1])
    changed = one[start : len(one) - end], other[start : len(other) - end]
    letters = "".join(changed)
    if not (letters.isascii() and letters.isalpha()) or set(letters) <= set("IVX"):
        return False
    return max(map(len, changed)) <= 1 or (len(changed[0]) == 2 and changed[0] == changed[1][::-1])


def _alike(one: str, other: str) -> int:
    """Letters that two words begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _clipped(clipped: Sequence[tuple[Roi, Box]]) -> str:
    """Which boxes reach beyond their radiograph, and whether most of one lies there."""
    where = clipped[0][0].where
    text = (
        f"1 box reaches beyond its radiograph and was clipped to it ({where})"
        if len(clipped) == 1
        else f"{len(clipped)} boxes reach beyond their radiograph and were clipped to it (first: {where})"
    )
    outside = [roi for roi, (_, _, width, height) in clipped if roi.box and width * height < _MOSTLY * _area(roi.box)]
    if not outside:
        return text
    return (
        f"{text}; {plural(len(outside), 'box', 'boxes')} {verb(len(outside), 'lies', 'lie')} mostly outside (first: "
        f"{outside[0].where}): of another radiograph, or of a picture of another size?"
    )


def _area(box: Box) -> float:
    return box[2] * box[3]


def _odd_headers(pictures: Sequence[Picture], source: str) -> list[str]:
    """What files say in an odd way: one line for each, with the number of radiographs."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for picture in pictures:
        for said in picture.header.notes:
            first.setdefault(said, picture.image)
            counts[said] += 1
    return [
        f"{source}: {count} of {len(pictures)} radiographs (first: {first[said]!r}): {said}"
        for said, count in counts.items()
    ]

"""One label a ROI from those of several readers: the majority's, or that of a reader who counts as the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.left_out import of_whom
from keras_cwp.data.manifest import RATING
from keras_cwp.errors import DataError
from keras_cwp.wording import plural, verb

LEAVE_OUT, WORSE = "leave_out", "worse"


def with_consensus(rois: Sequence[Roi], config: DataConfig, source: str, note: Callable[[str], None]) -> list[Roi]:
    """ROIs with the label that training and evaluation use; those that nobody in particular labelled stay as they are.

    Args:
        config: `reference`: the reader whose label counts as the truth and who is no reader beside the model then;
            `ties`: what becomes of a ROI for which no label has most readers; `ordinal`: the order, for `worse`.
        source: names the tables in messages.
        note: gets a line for ROIs left out and for ties.

    Raises:
        DataError: a tie and no rule for it; a rule or a reference that names nobody; `worse` without an order.
    """
    readers = sorted({reader for roi in rois for reader, _ in roi.readings})
    if config.reference is not None:
        return _by_reference(rois, config.reference, readers, source, note)
    if not readers:
        return list(rois)
    tied = [roi for roi in rois if roi.readings and not roi.label]
    if not tied:
        return list(rois)
    if config.ties is None:
        raise DataError(_question(tied, len(rois), readers, source))
    settled = [_settled(roi, config, readers, source) if roi.readings and not roi.label else roi for roi in rois]
    kept = [roi for roi in settled if roi is not None]
    gone = [roi for roi, own in zip(rois, settled, strict=True) if own is None]
    note(f"{source}: {plural(len(tied), 'tie')} between readers; data.ties is {config.ties}")
    if gone:
        whom = of_whom(gone)
        note(f"{source}: {len(gone)} of {plural(len(rois), 'ROI')} left out: a tie between readers {whom}")
    return kept


def _by_reference(
    rois: Sequence[Roi], reference: str, readers: Sequence[str], source: str, note: Callable[[str], None]
) -> list[Roi]:
    if reference not in readers:
        known = ", ".join(readers) if readers else "none: the table has no column reader, or names one only"
        raise DataError(f"{source}: data.reference is {reference!r}, which is no reader; readers: {known}")
    kept, gone = [], []
    for roi in rois:
        said = dict(roi.readings)
        if label := said.pop(reference, ""):
            extra = {name: value for name, value in roi.extra.items() if name != RATING + reference}
            kept.append(replace(roi, label=label, readings=tuple(sorted(said.items())), extra=extra))
        else:
            gone.append(roi)
    if gone:
        whom = of_whom(gone)
        note(f"{source}: {len(gone)} of {plural(len(rois), 'ROI')} left out: without a label of the reference {whom}")
    return kept


def _settled(roi: Roi, config: DataConfig, readers: Sequence[str], source: str) -> Roi | None:
    """A tied ROI by the rule of `data.ties`; None: left out."""
    if config.ties == LEAVE_OUT:
        return None
    if config.ties == WORSE:
        if config.ordinal is None:
            raise DataError(
                f"{source}: data.ties is worse, but data.ordinal does not say in which order the classes are"
            )
        counts = Counter(label for _, label in roi.readings)
        first = [label for label, number in counts.items() if number == max(counts.values())]
        if unknown := [label for label in first if label not in config.ordinal]:
            raise DataError(f"{roi.where}: label {unknown[0]!r} is not of data.ordinal {list(config.ordinal)}")
        return replace(roi, label=max(first, key=config.ordinal.index))
    if config.ties not in readers:
        raise DataError(
            f"{source}: data.ties is {config.ties!r}; expected {LEAVE_OUT}, {WORSE} or a reader: {', '.join(readers)}"
        )
    label = dict(roi.readings).get(str(config.ties))
    return replace(roi, label=label) if label else None


def _question(tied: Sequence[Roi], rois: int, readers: Sequence[str], source: str) -> str:
    first = tied[0]
    said = ", ".join(f"{reader} {label}" for reader, label in first.readings)
    return (
        f"{source}: {len(tied)} of {plural(rois, 'ROI')} {verb(len(tied), 'has', 'have')} no label that most "
        f"readers gave (first: {first.where}: {said}); say what becomes of a tie: --set data.ties={LEAVE_OUT}, {WORSE} "
        f"(the later class of data.ordinal), or the reader who decides ({', '.join(readers)})"
    )

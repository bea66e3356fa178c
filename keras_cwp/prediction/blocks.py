"""Regions in blocks: what is scored, kept and sent to another process at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.crops import margin_px
from keras_cwp.errors import DataError
from keras_cwp.prediction.asking import of_crops
from keras_cwp.prediction.predictor import Predictor
from keras_cwp.prediction.regions import cut_each

BLOCK_REGIONS = 256  # of a block at least, but for the last: a multiple of _BATCH
_BATCH = 32


@dataclass(eq=False)
class Outcome:
    """What became of a block's regions.

    Args:
        kept: int [kept]; places in the block of the regions that were scored.
        probabilities: float64 [kept, classes].
        distance: float64 [kept] from the training data; None where it is not known.
        left_out: errors in words, each with the number of regions lost to it.
        said: oddities of each radiograph that was read, by its name.
    """

    kept: np.ndarray
    probabilities: np.ndarray
    distance: np.ndarray | None
    left_out: list[tuple[str, int]] = field(default_factory=list)
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def as_json(self) -> str:
        """Text that `of_json` reads; every number comes back as it was."""
        tree = {
            "kept": self.kept.tolist(),
            "classes": self.probabilities.shape[1],
            "probabilities": self.probabilities.tolist(),
            "distance": None if self.distance is None else self.distance.tolist(),
            "left_out": self.left_out,
            "said": self.said,
        }
        return json.dumps(tree)

    @classmethod
    def of_json(cls, text: str) -> Outcome:
        """The outcome of such a text.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        tree: dict[str, Any] = json.loads(text)
        kept, distance = np.array(tree["kept"], np.int64), tree["distance"]
        return cls(
            kept,
            np.array(tree["probabilities"], np.float64).reshape(len(kept), tree["classes"]),
            None if distance is None else np.array(distance, np.float64).reshape(len(kept)),
            [(str(error), int(count)) for error, count in tree["left_out"]],
            {name: tuple(lines) for name, lines in tree["said"].items()},
        )


def blocks_of(regions: list[Roi]) -> list[list[Roi]]:
    """Regions in the order named but grouped by radiograph, in blocks; a radiograph is in one block as a whole.

    A batch of crops ends with its block. The numbers of a region then depend on its block alone, and not on who scores
    the others, or on how many of them cannot be read.
    """
    by_file: dict[Path, list[Roi]] = {}
    for roi in regions:
        by_file.setdefault(roi.path, []).append(roi)
    blocks: list[list[Roi]] = [[]]
    for of_file in by_file.values():
        if len(blocks[-1]) >= BLOCK_REGIONS:
            blocks.append([])
        blocks[-1] += of_file
    return blocks


def score_block(
    predictor: Predictor,
    block: list[Roi],
    views: int | None = None,
    refuse: Callable[[DataError, int], None] | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Outcome:
    """Score a block.

    Args:
        views: see `predict.predict`.
        refuse: gets the error and the number of regions lost to it, at once; None: they are gathered in `left_out`.
        progress: gets regions done and in all.

    Raises:
        CwpError: the model's answer is not finite.
    """
    contract = predictor.contract
    margin = margin_px(contract.image_size, contract.context)
    inner = slice(margin, margin + contract.image_size)
    places = {id(roi): place for place, roi in enumerate(block)}
    left_out: list[tuple[str, int]] = []
    said: dict[str, tuple[str, ...]] = {}

    def gather(error: DataError, count: int) -> None:
        left_out.append((str(error), count))

    crops = cut_each(block, contract, refuse or gather, progress, said)
    kept: list[int] = []
    distances: list[np.ndarray | None] = []
    answers = [np.zeros((0, len(contract.classes)))]
    while some := list(islice(crops, _BATCH)):
        kept += [places[id(roi)] for roi, _ in some]
        batch = np.stack([crop for _, crop in some])
        answers.append(of_crops(predictor, batch, views))
        distances.append(predictor.judging.distance(batch[:, inner, inner]))
    known = [each for each in distances if each is not None]
    distance = np.concatenate(known) if known else None
    return Outcome(np.array(kept, np.int64), np.concatenate(answers), distance, left_out, said)

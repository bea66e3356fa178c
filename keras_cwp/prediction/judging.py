"""Beside the probabilities of a region: the set of classes that holds the true one, and whether the region is unlike
the training data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import ModelError, RunError
from keras_cwp.models.likeness import Likeness, describe
from keras_cwp.prediction.card import CARD_FILE
from keras_cwp.training.likeness import LIKENESS_FILE
from keras_cwp.training.run import FOLD, RunFolder

_CONVERTED_CARD = "model_card.json"
MEAN_OF_NETWORKS = (
    "The thresholds of sets come from single networks, each judged on patients it did not see; what answers is the "
    "mean of {networks} networks. In simulation its sets hold the true class in 0.91 to 0.99 where 0.9 is promised, "
    "and are larger than they need be (docs/serving.md)."
)


@dataclass(frozen=True)
class Judging:
    """What a model's answers are judged by; empty where the run does not hold it.

    Args:
        likenesses: of the data that the model was trained on; one a fold.
        sets: class → the lowest probability with which it belongs to a set (`evaluation.conformal`).
        coverage: share of the regions of a class whose set has the class.
        networks: whose mean answers; thresholds of sets come from single ones.
    """

    likenesses: Sequence[Likeness] = ()
    sets: Mapping[str, float] = field(default_factory=dict)
    coverage: float | None = None
    networks: int = 1

    @property
    def caveat(self) -> str | None:
        """What is to be known of the sets of a mean of networks."""
        return MEAN_OF_NETWORKS.format(networks=self.networks) if self.sets and self.networks > 1 else None

    def distance(self, images: np.ndarray) -> np.ndarray | None:
        """float64 [B] of crops [B, side, side, 1]; above 1: unlike the training data. None where it is not known."""
        if not self.likenesses:
            return None
        described, inverted = describe(images), describe(1 - images)
        each = np.stack([own.distance_of(described, inverted) for own in self.likenesses])
        return np.asarray(each.mean(axis=0, dtype=np.float64))

    def as_json(self) -> dict[str, Any]:
        """What a model card keeps under `judging`."""
        likenesses = [each.as_json() for each in self.likenesses]
        found = {"likenesses": likenesses, "sets": dict(self.sets), "coverage": self.coverage}
        return found | ({"coverage_of_mean": self.caveat} if self.caveat else {})


def judging_of(model: Path, fold: int | None = None) -> Judging:
    """Of a RUN (all of its folds, or one), of a .keras file in one, or of an exported version.

    Raises:
        ModelError: a file that this package did not write.
    """
    for card in (model / CARD_FILE, model / _CONVERTED_CARD):
        if card.is_file():
            return _of_card(card)
    folder = RunFolder(model if model.is_dir() else model.parent)
    try:
        folders = folder.folders_by_fold()
    except RunError:
        return Judging()
    found = [_likeness(path) for number, path in folders.items() if fold in (None, number)]
    known = tuple(each for each in found if each is not None)
    return Judging(known if len(known) == len(found) else (), *_sets(folder), networks=len(found))


def _likeness(folder: Path) -> Likeness | None:
    path = folder / LIKENESS_FILE
    if not path.is_file():
        return None
    try:
        return Likeness.of_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not what fit or cv wrote beside the model: {error}") from None


def _sets(run: RunFolder) -> tuple[Mapping[str, float], float | None]:
    """Thresholds and coverage of the run's sets; a fold's folder has none of its own."""
    is_fold = run.path.resolve().name.startswith(FOLD)
    for folder in (run, RunFolder(run.path.resolve().parent)) if is_fold else (run,):
        try:
            found = folder.metrics["conformal"]
            return {name: float(value) for name, value in found["thresholds"].items()}, float(found["coverage"])
        except (RunError, OSError, ValueError, KeyError, TypeError):
            continue
    return {}, None


def _of_card(path: Path) -> Judging:
    try:
        tree = json.loads(path.read_text(encoding="utf-8")).get("judging")
        if not tree:
            return Judging()
        return Judging(tuple(map(Likeness.of_json, tree["likenesses"])), tree["sets"], tree["coverage"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a model card that export wrote: {error}") from None

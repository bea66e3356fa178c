"""One small network in the place of a cross-validation's: the configuration, and what the small one keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, read_split
from keras_cwp.errors import RunError
from keras_cwp.evaluation.alignment import align
from keras_cwp.evaluation.paired import paired_delong
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.models.forward import forward
from keras_cwp.models.mean import mapped_network, networks_of
from keras_cwp.scores import Scores, concatenate
from keras_cwp.training.inference import as_scores, predict_probabilities
from keras_cwp.training.run import RunFolder
from keras_cwp.training.saved import load_network

STUDENTS = "students"  # folder of the RUN of a distilled network: the cross-validation that its figures are of
_FINE_TUNED_BY = ("auto", "ensemble")  # modes that fine-tune model.arch, alone or beside a probe


@dataclass(frozen=True)
class Kept:
    """Macro AUCs on the same ROIs, each of a network that saw no ROI of its patient.

    Args:
        teachers: of the cross-validation's own networks.
        students: of networks that these taught, one a fold.
        alone: of the fine-tuned networks inside the teachers; None where teachers are single networks.
        students_minus_teachers, students_minus_alone: see `paired.Difference`.
    """

    teachers: float
    students: float
    alone: float | None
    students_minus_teachers: dict[str, Any]
    students_minus_alone: dict[str, Any] | None

    @property
    def tree(self) -> dict[str, Any]:
        """For run.json."""
        return asdict(self) | {"sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """The result in words."""
        text = (
            f"Macro AUC on held-out patients: {self.students:.3f} of networks taught fold by fold, {self.teachers:.3f} "
            f"of their teachers ({_in_words(self.students_minus_teachers)})"
        )
        if self.alone is None or self.students_minus_alone is None:
            return (
                f"{text}. The teachers of the folds are single networks; the new network has the mean of all as its own"
            )
        text += f", {self.alone:.3f} of the same network without a teacher ({_in_words(self.students_minus_alone)})"
        gain = self.teachers - self.alone
        if gain <= 0:
            return f"{text}. The teachers are not better than that network, so there is no gain to keep"
        share = max((self.students - self.alone) / gain, 0)
        return f"{text}. Of the teachers' gain {share:.0%} is kept"


def students_config(source: RunFolder) -> Config:
    """The cross-validation of the students: as that of `source`, with its networks as teachers.

    Raises:
        RunError: a nested cross-validation or a probe, where nothing is trained that could be taught.
    """
    config = source.config
    if config.split.inner is not None or config.train.mode == "probe":
        what = "a probe" if config.train.mode == "probe" else "a cross-validation with inner folds"
        raise RunError(
            f"refit {source.path}: --distil needs a cross-validation that fine-tunes or trains a network; it is {what}"
        )
    mode = "fine_tune" if config.train.mode in _FINE_TUNED_BY else config.train.mode
    changed = {"mode": mode, "teacher": str(source.path.resolve()), "ensemble_share": None}
    return config.model_copy(update={"train": config.train.model_copy(update=changed)})


def kept(source: RunFolder, students: RunFolder, data: PreparedData) -> Kept:
    """What students keep of their teachers' figures.

    Args:
        source, students: completed runs of cv on the same folds of `data`.
    """
    sides = {"students": students.scores, "teachers": source.scores}
    if (alone := _alone(source, data)) is not None:
        sides["alone"] = alone
    found = align(sides)
    areas = {name: macro_auc(scores.label, scores.probabilities) for name, scores in found.items()}

    def against(name: str) -> dict[str, Any]:
        return dict(paired_delong(found["students"], found[name])["macro"])

    return Kept(
        areas["teachers"],
        areas["students"],
        areas.get("alone"),
        against("teachers"),
        against("alone") if alone is not None else None,
    )


def _alone(source: RunFolder, data: PreparedData) -> Scores | None:
    """Held-out Scores of the fine-tuned network inside each fold's; None where no fold's network is a mean."""
    splits, views = read_split(source.path / SPLIT_FILE, data), source.config.evaluate.tta
    networks = {fold: load_network(folder) for fold, folder in source.folders_by_fold().items()}
    if not any(networks_of(network) for network in networks.values()):
        return None
    found = []
    for fold, network in networks.items():
        rows, ask = np.flatnonzero(splits[fold] == "test"), forward(mapped_network(network))
        found.append(as_scores(data, rows, predict_probabilities(ask, data, rows, views), fold))
    return concatenate(found)


def _in_words(difference: dict[str, Any]) -> str:
    if difference["value"] is None or difference["ci95"] is None:
        return "no interval for the difference"
    low, high = difference["ci95"]
    return f"difference {difference['value']:+.3f} [{low:+.3f}, {high:+.3f}]"

"""What a run decided on its validation ROIs, applied to one answer: calibration, thresholds, sets of classes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import RunError
from keras_cwp.evaluation.calibration import apply_temperature
from keras_cwp.evaluation.conformal import conformal_sets
from keras_cwp.prediction.card import CARD_FILE, versions
from keras_cwp.prediction.decided import thresholds_of
from keras_cwp.training.run import RunFolder


@dataclass(frozen=True)
class Decisions:
    """What is known of a model's probabilities; each part may be missing.

    Args:
        temperature: that calibrates them; None: not known, or `harm`.
        harm: on held-out ROIs the run's temperature made the log loss larger; so probabilities stay as they are.
        thresholds: class → probability, before calibration, from which it counts as found.
        rule: how the thresholds were chosen, in words.
        lowest: class → probability, before calibration, from which it belongs to the conformal set.
        coverage: that the sets promise; None where there are none.
        withheld: why heat maps are not shown: the run's maps were tested against random weights and are no better;
            "" where they may be.
    """

    temperature: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    rule: str = ""
    lowest: Mapping[str, float] = field(default_factory=dict)
    coverage: float | None = None
    withheld: str = ""
    harm: bool = False

    def of(self, classes: tuple[str, ...], probabilities: np.ndarray) -> dict[str, Any]:
        """One answer, ready for JSON.

        Args:
            probabilities: float64 [classes], as the model gives them.

        Returns:
            `predicted`; `classes`, a list of name, probability (calibrated where `calibrated` says so), raw, threshold
            and whether it is `reached` (None without a threshold), in_set (None without sets); `calibrated`.
        """
        calibrated = self.temperature is not None
        shown = apply_temperature(probabilities[None], self.temperature)[0] if self.temperature else probabilities
        known = set(classes) <= set(self.lowest)
        sets = conformal_sets(probabilities[None], classes, self.lowest)[0] if known else [None] * len(classes)
        rows = [
            {
                "name": name,
                "probability": float(shown[place]),
                "raw": float(probabilities[place]),
                "threshold": _finite(self.thresholds.get(name)),
                "reached": None if name not in self.thresholds else bool(probabilities[place] >= self.thresholds[name]),
                "in_set": None if sets[place] is None else bool(sets[place]),
            }
            for place, name in enumerate(classes)
        ]
        return {"predicted": classes[int(probabilities.argmax())], "classes": rows, "calibrated": calibrated}

    def tree(self) -> dict[str, Any]:
        """What holds for all answers, for JSON; coverage is None where the sets exclude nothing."""
        useful = any(self.lowest.values())
        return {
            "calibrated": self.temperature is not None,
            "calibration_harms": self.harm,
            "rule": self.rule,
            "coverage": self.coverage if useful else None,
        }


def decisions_of(model: Path) -> Decisions:
    """What the run of a model decided; nothing where MODEL is neither an evaluated run nor exported from one.

    A run of cross-validation has them from the validation ROIs of all folds together, which is what its mean of folds
    is judged by.

    Args:
        model: a RUN, an exported version, the parent of some (the last one counts), or anything else.
    """
    numbers = versions(model)
    model = model / str(numbers[-1]) if numbers and not (model / "metrics.json").is_file() else model
    metrics = _metrics(model)
    locked, sets, maps = (metrics.get(name) or {} for name in ("locked", "conformal", "heat_maps"))
    harm = _harms(metrics.get("calibration") or {})
    temperature = None if harm else locked.get("temperature")
    stated = {name: math.inf if value is None else value for name, value in (locked.get("roi") or {}).items()}
    lowest = sets.get("thresholds") or {}
    return Decisions(
        temperature=temperature if temperature and temperature > 0 else None,
        thresholds=stated or thresholds_of(model),
        rule=str(locked.get("rule") or ""),
        lowest={name: float(value) for name, value in lowest.items()},
        coverage=sets.get("coverage") if lowest else None,
        harm=harm,
        withheld=""
        if maps.get("shown", True)
        else str(maps.get("verdict") or "they are not shown to beat random ones"),
    )


def _harms(calibration: Mapping[str, Any]) -> bool:
    """Whether the run's temperatures made the log loss of held-out ROIs larger."""
    losses = [((calibration.get(name) or {}).get("log_loss") or {}).get("value") for name in ("as_is", "temperature")]
    as_is, scaled = losses
    return as_is is not None and scaled is not None and scaled > as_is


def _metrics(model: Path) -> Mapping[str, Any]:
    """metrics.json of a run, or what a model card has of it; empty where there is neither."""
    card = model / CARD_FILE
    try:
        found = json.loads(card.read_text(encoding="utf-8"))["metrics"] if card.is_file() else RunFolder(model).metrics
    except (RunError, OSError, ValueError, KeyError):
        return {}
    return found or {}


def _finite(threshold: float | None) -> float | None:
    return threshold if threshold is not None and math.isfinite(threshold) else None

"""What each metric is called, on what scale its interval is made and why it may be undefined: a row a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras_cwp.evaluation.statistic import Key


@dataclass(frozen=True)
class Metric:
    """A row of the table.

    Args:
        title: for people.
        scale: share: 0 to 1; agreement: -1 to 1; loss: 0 and above.
        why_undefined: what the table of ROIs lacks where the metric has no value.
        unseen: the jackknife's variance is multiplied by 1 + unseen / patients, for a metric whose few largest terms
            are often in none of a study's patients.
    """

    title: str
    scale: Literal["share", "agreement", "loss"] = "share"
    why_undefined: str = "undefined on this table"
    unseen: float = 0.0


_BOTH = "needs ROIs of the class and ROIs of other classes"
METRICS = {
    "auc": Metric("AUC", why_undefined=_BOTH),
    "average_precision": Metric("average precision", why_undefined=_BOTH),
    "accuracy": Metric("accuracy"),
    "balanced_accuracy": Metric("balanced accuracy"),
    "f1": Metric("F1", why_undefined="no ROI is of this class and none was given to it"),
    "kappa": Metric("Cohen's kappa", "agreement", "labels and decisions are all of one class"),
    "mcc": Metric("Matthews' correlation", "agreement", "labels or decisions are all of one class"),
    # 2 raises the share of intervals of 20 patients that hold the truth from .930 to .940; the Brier score, which no
    # ROI can raise beyond 2, has .954 without it (11 cells of bench_inference.py and bench_inference_skewed.py).
    "log_loss": Metric("log loss (nats)", "loss", unseen=2.0),
    "brier": Metric("Brier score (0 to 2)", "loss"),
    "ece": Metric("calibration error"),
}
NEEDS_ORDER = "needs an order of the classes, which data.ordinal gives"


def why_undefined(key: Key) -> str:
    """Why a metric with this key has no value."""
    return METRICS[key[0]].why_undefined if key[0] in METRICS else "undefined on this table"

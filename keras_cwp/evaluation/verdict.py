"""Whether the figures are evidence at all, in the sentence that stands first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def verdict(metrics: Mapping[str, Any]) -> str:
    """The first sentence of page and terminal: does the model tell the classes apart, does it use more than one class?

    Args:
        metrics: what `metrics.evaluate` returned.
    """
    sentences = [_evidence(metrics["auc"]["macro"])]
    called = np.array(metrics["confusion"]).sum(axis=0)
    if np.count_nonzero(called) == 1 and called.sum() > 1:
        sentences.append(f"Every ROI was called {metrics['classes'][int(called.argmax())]}.")
    return " ".join(sentences)


def is_evidence(metrics: Mapping[str, Any]) -> bool:
    """Whether the interval of the macro AUC lies above 0.5."""
    limits = metrics["auc"]["macro"]["ci95"]
    return limits is not None and limits[0] > 0.5


def _evidence(macro: Mapping[str, Any]) -> str:
    value, limits = macro["value"], macro["ci95"]
    if value is None:
        return f"Nothing shows whether the model tells the classes apart: the macro AUC {macro['reason']}."
    if limits is None:
        return (
            f"No evidence that the model tells the classes apart: the macro AUC {value:.3f} has no interval "
            f"({macro['reason']})."
        )
    seen = f"macro AUC {value:.3f} [{limits[0]:.3f}, {limits[1]:.3f}]"
    if limits[0] > 0.5:
        return f"The model tells the classes apart better than chance: {seen}, above 0.5."
    if limits[1] < 0.5:
        return f"The model ranks the classes worse than chance ({seen}, below 0.5): labels or classes may be exchanged."
    return f"No evidence that the model tells the classes apart: {seen} includes 0.5."

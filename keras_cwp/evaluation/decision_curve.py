"""Decision curve: what acting on the model is worth, against acting on everyone or on no one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.01, 0.99, 99)


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit at each of THRESHOLDS: true positives a row, less false ones at the threshold's odds.

    Args:
        model, all_called: float [99]; calling no one is 0 everywhere.
    """

    model: np.ndarray
    all_called: np.ndarray


def decision_curve(positive: np.ndarray, probability: np.ndarray) -> DecisionCurve:
    """Net benefit of calling rows whose probability reaches a threshold.

    Args:
        positive: bool [rows], at least one row.
        probability: float [rows].

    Reference: Vickers and Elkin, Medical Decision Making 26 (2006) 565-574.
    """
    odds = THRESHOLDS / (1 - THRESHOLDS)
    hits, alarms = np.sort(probability[positive]), np.sort(probability[~positive])
    true = len(hits) - np.searchsorted(hits, THRESHOLDS, side="left")
    false = len(alarms) - np.searchsorted(alarms, THRESHOLDS, side="left")
    prevalence = positive.mean()
    return DecisionCurve((true - false * odds) / len(positive), prevalence - (1 - prevalence) * odds)

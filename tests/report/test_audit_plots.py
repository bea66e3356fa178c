"""Histograms of a data set: classes share their bins, and a single value is named."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_cwp.report.audit_plots import _by_class


@pytest.mark.parametrize("value", [224.0, 0.0, 0.4])
def test_one_value_for_all_rois_has_one_bin_and_its_own_tick(value: float) -> None:
    axes = Figure().subplots()
    _by_class(axes, np.full(6, value), np.array([0, 0, 0, 1, 1, 1]), ("a", "b"))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [f"{value:.4g}"]
    heights = [patch.get_xy()[:, 1].max() for patch in axes.patches]
    assert heights == pytest.approx([1, 1])


def test_bins_are_those_of_all_classes() -> None:
    axes = Figure().subplots()
    _by_class(axes, np.array([0.0, 1.0, 9.0, 10.0]), np.array([0, 0, 1, 1]), ("a", "b"))
    starts = {float(patch.get_xy()[0, 0]) for patch in axes.patches}
    assert starts == {0.0}

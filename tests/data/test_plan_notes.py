"""Labels that are one slip of the pen away from another."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.plan_notes import alike_labels


def rois(**counts: int) -> list[Roi]:
    return [
        Roi("a.png", Path("a.png"), None, label, None, "1", "line 1")
        for label, count in counts.items()
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    "rare", ["small_opacites", "small_opacitties", "small_opacitiez", "small_opactiies", "mall_opacities"]
)
def test_a_rare_label_one_letter_from_a_common_one_is_asked_about(rare: str) -> None:
    (said,) = alike_labels(rois(**{rare: 2, "small_opacities": 40, "normal": 40}), "rois.csv")
    assert said.startswith(
        f"rois.csv: {rare!r} (2 ROIs) and 'small_opacities' (40 ROIs) are two classes, one letter apart"
    )
    assert "--labels" in said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("stage_1", "stage_2"),  # digits
        ("stage_I", "stage_II"),  # Roman ones
        ("pqr", "pqs"),  # codes
        ("尘肺壹期病灶", "尘肺贰期病灶"),
        ("normal", "abnormal"),
        ("small_opacity", "large_opacity"),
    ],
)
def test_labels_that_mean_different_things_are_not(one: str, other: str) -> None:
    assert alike_labels(rois(**{one: 1, other: 99}), "rois.csv") == []


def test_two_common_labels_are_not() -> None:
    assert alike_labels(rois(opacity=30, opacitys=40), "rois.csv") == []

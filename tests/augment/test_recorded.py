"""The same seed gives the numbers that it gave when they were recorded: a run can be repeated by a later version.

Recorded on 2026-11-28 from the version before operations became rows with functions. To record anew, where a change
of numbers is meant: python tests/augment/test_recorded.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.augment.layer import Augment
from keras_cwp.augment.operations import OPERATIONS

FILE = Path(__file__).parents[1] / "golden" / "augment.npz"
SIDE, MARGIN, BATCH, STEP = 32, 8, 4, 0
SEED = 5
RANGES = {
    "rotation_deg": (-30, 30), "zoom": (0.7, 1.4), "stretch": (0.8, 1.25), "shear_deg": (-15, 15), "shift": (-0.2, 0.2),
    "perspective": (-0.1, 0.1), "elastic": (0, 0.03), "scatter": (0, 0.5), "shading": (0, 0.1), "blur_px": (0, 1.5),
    "quantum_noise": (0, 0.06), "electronic_noise": (0, 0.01), "sharpness": (-1, 1.5), "local_contrast": (-0.5, 0.8),
    "exposure": (-0.25, 0.25), "contrast": (0.5, 2), "window": (-0.15, 0.15), "gamma": (0.5, 2), "erase": (0.02, 0.2),
    "grid_mask": (0, 0.5),
}  # fmt: skip
ALL = {
    "operations": {"flip_x": {}, "flip_y": {"probability": 0.5}} | {name: {"range": r} for name, r in RANGES.items()}
}
POLICIES = {"all": ALL, "strong": "strong", "randaugment": "randaugment"}


def made(policy: object) -> dict[str, np.ndarray]:
    """Factors by operation, and views."""
    crops = np.random.default_rng(0).random((BATCH, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 1)).astype(np.float32)
    layer = Augment(policy, SIDE, MARGIN, seed=11, jit_compile=False)
    drawn = layer.draw(BATCH, tf.constant([SEED, STEP], tf.int64))
    factors = {name: value.numpy() for name, value in drawn.items() if "/" not in name}
    return factors | {"views": layer.apply(crops, drawn).numpy()}


@pytest.mark.parametrize("name", POLICIES)
def test_numbers_are_those_recorded(name: str) -> None:
    recorded = np.load(FILE, allow_pickle=False)
    for key, value in made(POLICIES[name]).items():
        expected = recorded[f"{name}/{key}"]
        np.testing.assert_allclose(value[: len(expected)], expected, atol=2e-5, err_msg=f"{key}; see the docstring")


def test_every_operation_is_recorded() -> None:
    assert {key.removeprefix("all/") for key in np.load(FILE).files if key.startswith("all/")} == {*OPERATIONS, "views"}


if __name__ == "__main__":
    found = {f"{name}/{key}": value for name, policy in POLICIES.items() for key, value in made(policy).items()}
    np.savez_compressed(FILE, **found)

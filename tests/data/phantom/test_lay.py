from __future__ import annotations

import cv2
import numpy as np
import pytest

from keras_cwp.data.phantom.irregular import IRREGULAR, _add_strand, irregular_opacities
from keras_cwp.data.phantom.lay import NOTHING, TARGETS, Truth, lay_large, lay_patch, lay_small
from keras_cwp.data.phantom.lungs import lung_mask
from keras_cwp.training.pretext import phantom_films

BOX = (60, 60, 180, 180)
MM_PER_PX = 360 / 1024


@pytest.fixture
def lung(rng: np.random.Generator) -> np.ndarray:
    """A grey area with texture."""
    noise = rng.normal(0, 0.05, (300, 300)).astype(np.float32)
    return np.clip(0.45 + cv2.GaussianBlur(noise, (0, 0), 2), 0, 1)


@pytest.mark.parametrize("lay", [lay_small, lay_large, lay_patch])
@pytest.mark.parametrize("seed", range(4))
def test_opacities_brighten_their_box_and_say_what_they_are(lay, seed: int, lung: np.ndarray) -> None:
    changed, truth = lay(lung, BOX, MM_PER_PX, np.random.default_rng(seed))
    assert changed.dtype == np.float32
    assert changed.shape == lung.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    difference = changed - lung
    inside = difference[60:240, 60:240]
    assert inside.max() > 0.005
    assert inside.mean() > 4 * abs(difference[:30].mean())
    present = {name for name, value in zip(TARGETS, truth.targets, strict=True) if value > 0}
    assert {"lay_small": "small", "lay_large": "large", "lay_patch": "patch"}[lay.__name__] in present
    assert ("profusion" in present) == ("small" in present)
    again, same = lay(lung, BOX, MM_PER_PX, np.random.default_rng(seed))
    np.testing.assert_array_equal(changed, again)
    np.testing.assert_array_equal(truth.targets, same.targets)


def test_white_stays_white() -> None:
    white = np.ones((300, 300), np.float32)
    changed, _ = lay_small(white, BOX, MM_PER_PX, np.random.default_rng(0))
    np.testing.assert_array_equal(changed, white)


@pytest.mark.parametrize("kind", IRREGULAR)
def test_strands_stay_near_their_box(kind: str) -> None:
    layer = irregular_opacities((300, 300), BOX, MM_PER_PX, kind, np.random.default_rng(0))
    assert layer.shape == (300, 300)
    assert layer.min() == 0
    assert layer[60:240, 60:240].sum() > 0.4 * layer.sum() > 0  # strands start in the box; long ones leave it


def test_a_strand_is_as_wide_and_as_thick_as_it_is_told() -> None:
    layer = np.zeros((80, 200), np.float32)
    _add_strand(layer, np.array([[20.0, 40.0], [180.0, 40.0]]), wide_mm=3.0, scale=4.0, density=2.0)
    profile = layer[:, 100]
    assert abs((profile > 0).sum() - 12) <= 1
    assert profile.max() == pytest.approx(6.0)
    np.testing.assert_array_equal(layer[:10], 0)
    _add_strand(layer, np.array([[-90.0, -90.0], [-40.0, -40.0]]), wide_mm=3.0, scale=4.0, density=2.0)  # outside


def test_truth_of_nothing_and_of_two_kinds() -> None:
    assert NOTHING.targets.tolist() == [0] * len(TARGETS)
    truth = dict(zip(TARGETS, Truth.of(("p", "u"), 0.5).targets.tolist(), strict=True))
    assert {name for name, value in truth.items() if value} == {"small", "p", "u", "profusion"}
    assert truth["profusion"] == 0.5
    large = dict(zip(TARGETS, Truth.of(("large",), 0.0).targets.tolist(), strict=True))
    assert {name for name, value in large.items() if value} == {"large"}


def test_lungs_of_a_phantom_are_found_and_a_blank_has_none() -> None:
    (film,) = phantom_films(1, 0)
    mask = lung_mask(film.pixels)
    assert mask.shape == film.pixels.shape
    assert 0.05 < mask.mean() < 0.5
    assert film.pixels[mask].mean() < film.pixels[~mask].mean()
    assert not lung_mask(np.full((256, 256), 0.5, np.float32)).any()

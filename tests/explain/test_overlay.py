"""Heat is seen where the map has it, and nowhere else."""

from __future__ import annotations

import numpy as np

from keras_cwp.explain.overlay import lay_over, side_by_side


def test_the_picture_stays_where_the_map_is_zero_and_warms_where_it_is_one() -> None:
    grey = np.full((224, 224), 128, np.uint8)
    heat = np.zeros((224, 224))
    heat[:112] = 1
    shown = lay_over(grey, heat).astype(int)
    np.testing.assert_array_equal(shown[200, 100], [128, 128, 128])
    blue, _, red = shown[20, 100]
    assert red > 180
    assert red > blue


def test_a_coarse_map_covers_the_whole_picture() -> None:
    shown = lay_over(np.full((60, 90), 128, np.uint8), np.array([[0.0, 1.0]]))
    assert (shown[:, 0] == 128).all()
    assert (shown[:, -1] != 128).any()


def test_side_by_side_shows_the_radiograph_and_colours_only_the_heat() -> None:
    heat = np.zeros((8, 8), "f4")
    heat[2, 3] = 1
    picture = side_by_side(np.full((8, 8), 0.5, "f4"), heat)
    assert picture.shape == (8, 16, 3)
    assert (picture[:, :8] == 128).all()
    changed = (picture[:, 8:] != 128).any(axis=2)
    assert changed.sum() == 1
    assert changed[2, 3]

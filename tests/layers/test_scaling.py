from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from support.layer_contract import check_layer

from keras_cwp.layers.scaling import Scaling


def test_scales_each_plane_by_hand() -> None:
    image = np.array([[[[0.0], [0.5], [1.0]]]], "float32")
    planes = ops.convert_to_numpy(Scaling([0.5, 0.0], [0.25, 2.0])(image))
    np.testing.assert_allclose(planes[0, 0], [[-2, 0], [0, 0.25], [2, 0.5]])


def test_frame_is_a_plane_of_ones() -> None:
    planes = ops.convert_to_numpy(Scaling([0.5], [0.5], frame=True)(np.zeros((1, 1, 2, 1), "float32")))
    np.testing.assert_array_equal(planes[0, 0], [[-1, 1], [-1, 1]])


@pytest.mark.parametrize("frame", [False, True])
def test_contract(frame: bool, tmp_path, rng: np.random.Generator) -> None:
    check_layer(
        Scaling([0.4, 0.5, 0.6], [0.2, 0.3, 0.4], frame), rng.random((2, 4, 4, 3), "float32"), tmp_path, weights=0
    )


def test_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match=r"equal lengths and positive std, got \[0.5\] and \[0.0\]"):
        Scaling([0.5], [0.0])
    with pytest.raises(ValueError, match="equal lengths"):
        Scaling([0.5, 0.5], [1.0])
    with pytest.raises(ValueError, match="expected 1 or 3 channels, got 2"):
        Scaling([0, 0, 0], [1, 1, 1]).build((None, 4, 4, 2))

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from support.layer_contract import check_layer

from keras_cwp.layers.enlarge import Enlarge


def test_it_is_tensorflows_bilinear_resizing(rng: np.random.Generator) -> None:
    images = rng.random((2, 5, 5, 1), "float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(Enlarge(12)(images)), tf.image.resize(images, [12, 12]).numpy(), atol=1e-6
    )


def test_a_flat_image_stays_flat() -> None:
    found = ops.convert_to_numpy(Enlarge(9)(np.full((1, 4, 4, 1), 0.25, "float32")))
    np.testing.assert_array_equal(found, np.full((1, 9, 9, 1), 0.25, "float32"))


def test_layers_after_it_infer_where_nobody_says_that_they_train(rng: np.random.Generator) -> None:
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.BatchNormalization(epsilon=0.0)(Enlarge(8)(image)))
    images = rng.random((3, 4, 4, 1), "float32")
    np.testing.assert_allclose(ops.convert_to_numpy(model(images)), tf.image.resize(images, [8, 8]).numpy(), atol=1e-6)


def test_contract(tmp_path, rng: np.random.Generator) -> None:
    check_layer(Enlarge(7), rng.random((2, 4, 4, 3), "float32"), tmp_path, weights=0)


def test_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="side needs to be positive, got 0"):
        Enlarge(0)

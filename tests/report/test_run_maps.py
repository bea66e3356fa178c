"""How the maps of a page's ROIs are drawn."""

from __future__ import annotations

import numpy as np
from support.small_network import small_presets

from keras_cwp.config import ModelConfig
from keras_cwp.explain.compiled import CompiledMaps
from keras_cwp.models.build import build_model
from keras_cwp.report.run_maps import _WORTH_COMPILING, _trying


def test_many_rois_get_the_same_maps_from_a_compiled_graph():
    with small_presets():
        network = build_model(ModelConfig(), 3, 32)
    images = np.random.default_rng(0).random((5, 32, 32, 1), dtype=np.float32)
    called = np.array([0, 1, 2, 0, 1])
    few, many = (_trying(network, "layercam", count) for count in (_WORTH_COMPILING - 1, _WORTH_COMPILING))
    assert isinstance(getattr(many, "__self__", None), CompiledMaps)
    assert not hasattr(few, "__self__")
    one, other = few(images, called), many(images, called)
    np.testing.assert_allclose(one.maps, other.maps, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(one.fall, other.fall, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.fall_random, other.fall_random, rtol=1e-4, atol=1e-6)
    assert one.maps.max() > 0


def test_other_methods_are_not_compiled():
    with small_presets():
        network = build_model(ModelConfig(), 3, 32)
    assert not hasattr(_trying(network, "gradcam", 10 * _WORTH_COMPILING), "__self__")

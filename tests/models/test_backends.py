"""Other backends give the same forward pass: it is Keras operations alone. TensorFlow's path is the product."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model

SCRIPT = Path(__file__).with_name("backend_forward.py")
PLACES = ("unit", "every_conv", "stem_head")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Images and weights, and by place of ECA the logits that TensorFlow gives."""
    folder, rng = tmp_path_factory.mktemp("backends"), np.random.default_rng(0)
    images = rng.random((4, 64, 64, 1), dtype="float32")
    np.save(folder / "images.npy", images)
    expected = {}
    for place in PLACES:
        keras.utils.set_random_seed(1)
        model = build_model(ModelConfig.model_validate({"eca": place}), 3, 64)
        for layer in model.layers:  # statistics and gains that are not their neutral start
            if layer.name.endswith("_bn"):
                shape = (4, *layer.get_weights()[0].shape)
                layer.set_weights(rng.uniform(0.5, 1.5, shape).astype("float32"))
        model.save_weights(folder / f"{place}.weights.h5")
        expected[place] = np.asarray(model(images, training=False))
    return folder, expected


@pytest.mark.backends
@pytest.mark.slow
@pytest.mark.parametrize(("backend", "extra"), [("jax", "test"), ("torch", "bench")])
def test_another_backend_agrees(backend, extra, saved):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; pip install '.[{extra}]'")
    folder, expected = saved
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, SCRIPT, folder], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == backend
    for place in PLACES:
        inferred, trained = np.load(folder / f"{place}.npy")
        assert np.abs(inferred - expected[place]).max() <= 1e-4 * np.abs(expected[place]).max(), place
        assert np.isfinite(trained).all(), place
        assert np.abs(trained - inferred).max() > 1e-3, place  # by the batch's statistics, not the moving ones

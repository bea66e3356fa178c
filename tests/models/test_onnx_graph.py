"""The ONNX graph under ONNX Runtime: the same answers as the Keras model, and no more operations than it needs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from support.trained import REAL_NETWORKS, as_trained, real_network

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model
from keras_cwp.models.onnx_graph import BLOCK, PIXELS, align_stem, onnx_model
from keras_cwp.models.plan import plan
from keras_cwp.models.pretrained import read_network

onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed; pip install '.[onnx]'")


def answer(model: keras.Model, images: np.ndarray) -> Any:
    made = onnx_model([plan(model)], images.shape[1], 3, {})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {PIXELS: images})[0]


@pytest.mark.parametrize("arch", ["shufflenet_v2_x0_5", "shufflenet_v2_x1_0"])
@pytest.mark.parametrize("eca", ["none", "unit"])
@pytest.mark.parametrize("side", [64, 95])
def test_probabilities_are_the_keras_models(arch: str, eca: str, side: int, rng: np.random.Generator) -> None:
    model = as_trained(build_model(ModelConfig(arch=arch, eca=eca), 3, side), rng)
    images = rng.random((5, side, side, 1), "float32")
    expected = ops.convert_to_numpy(ops.softmax(model(images)))
    np.testing.assert_allclose(answer(model, images), expected, atol=1e-5)
    np.testing.assert_allclose(answer(model, images[:1]), expected[:1], atol=1e-5)


@pytest.mark.parametrize("kind", REAL_NETWORKS, ids=str)
def test_lite_networks_and_probes_too(kind: tuple[str, str, bool, int], rng: np.random.Generator) -> None:
    model, images = real_network(*kind, rng)
    expected = ops.convert_to_numpy(ops.softmax(model(images)))
    np.testing.assert_allclose(answer(model, images), expected, atol=1e-4)


def test_an_imported_network_keeps_its_borders(shared, rng: np.random.Generator) -> None:
    model = read_network(shared / "golden/torchvision_shufflenet_v2_x0_5_random.pth", 64)
    images = rng.random((3, 64, 64, 1), "float32")
    np.testing.assert_allclose(answer(model, images), ops.convert_to_numpy(ops.softmax(model(images))), atol=1e-5)


def test_nothing_is_transposed_and_every_gate_is_five_nodes() -> None:
    nodes = Counter(
        node.op_type for node in onnx_model([plan(build_model(ModelConfig(), 3, 64))], 64, 3, {}).graph.node
    )
    assert nodes["Conv"] == 56
    assert nodes["ReduceMean"] == nodes["Sigmoid"] == nodes["Mul"] == 16
    assert nodes["Gemm"] == 17
    assert not set(nodes) & {"Transpose", "BatchNormalization", "Pad", "Slice"}


def test_the_stem_fills_its_blocks_with_channels_that_nothing_sees() -> None:
    steps = {step.outputs[0]: step for step in align_stem(plan(build_model(ModelConfig(), 3, 64)))}
    assert steps["stem"].arrays["kernel"].shape[-1] == 2 * BLOCK  # 24 before
    assert not steps["stem"].arrays["kernel"][..., 24:].any()
    for name in ("stage2_unit1_expand", "stage2_unit1_side_depthwise", "stage2_unit1_side_project"):
        kernel = steps[name].arrays["kernel"]
        assert kernel.shape[2] == 2 * BLOCK
        assert kernel[:, :, :24].any()
        assert not kernel[:, :, 24:].any()
    assert steps["stage2_unit1_expand"].arrays["kernel"].shape[3] == 24

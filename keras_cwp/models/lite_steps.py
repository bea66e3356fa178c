"""EfficientNet-Lite as steps."""

from __future__ import annotations

from dataclasses import replace

import keras

from keras_cwp.models.steps import Step, Taps, conv, depthwise, gains, same_padding, shift, single


def is_lite(model: keras.Model) -> bool:
    """Whether it is an EfficientNet-Lite."""
    names = {layer.name for layer in model.layers}
    return {"scaling", "stem_bn", "block1_depthwise_bn", "block2_expand_bn", "last_bn", "logits"} <= names


def lite_steps(model: keras.Model) -> tuple[list[Step], Taps]:
    """The steps up to the last convolution, and what a head may see of them."""
    scaling = model.get_layer("scaling")
    padding = _padding(model, "stem")
    stem = conv(model, "stem", ("shifted",), gains=gains(scaling), strides=2, padding_px=padding, activation="relu6")
    steps, inputs = [shift(scaling), stem], "stem"
    taps: Taps = {}
    for name in _block_names(model):
        made, inputs, expanded = _block(model, name, inputs)
        steps += made
        taps[f"{name}_expand_relu"] = expanded, None
    taps["features"] = "last", None
    return [*steps, conv(model, "last", (inputs,), activation="relu6")], taps


def _block_names(model: keras.Model) -> list[str]:
    ends = "_depthwise"
    return [layer.name.removesuffix(ends) for layer in model.layers if layer.name.endswith(ends)]


def _block(model: keras.Model, name: str, inputs: str) -> tuple[list[Step], str, str]:
    """The steps of a block, and the names of its output and of what its depthwise convolution sees."""
    layers = {layer.name for layer in model.layers}
    steps, expanded = [], inputs
    if f"{name}_expand" in layers:
        steps, expanded = [conv(model, f"{name}_expand", (inputs,), activation="relu6")], f"{name}_expand"
    steps += [_depthwise(model, f"{name}_depthwise", expanded), conv(model, f"{name}_project", (f"{name}_depthwise",))]
    if name not in layers:  # no connection leads past the block
        return steps, f"{name}_project", expanded
    return [*steps, Step("add", (inputs, f"{name}_project"), (name,))], name, expanded


def _depthwise(model: keras.Model, name: str, inputs: str) -> Step:
    strides = model.get_layer(name).strides[0]
    step, offset = depthwise(
        model, name, (inputs,), strides=strides, padding_px=_padding(model, name), activation="relu6"
    )
    return replace(step, arrays=step.arrays | single({"bias": offset}))


def _padding(model: keras.Model, name: str) -> tuple[int, int]:
    layer = model.get_layer(name)
    return same_padding(layer.input.shape[1], layer.kernel_size[0], layer.strides[0])

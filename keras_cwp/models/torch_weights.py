"""torchvision's ShuffleNet V2 checkpoints: their names, their layout, and an RGB stem folded into a grey one."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from keras_cwp.errors import ModelError
from keras_cwp.models.presets import (
    GREY_MEAN,
    GREY_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    PRESETS,
    ShuffleNetPreset,
)
from keras_cwp.models.shufflenet import shufflenet_v2

State = dict[str, np.ndarray]

_SIDE = {0: "side_depthwise", 1: "side_depthwise_bn", 2: "side_project", 3: "side_project_bn"}
_BRANCH = {
    0: "expand",
    1: "expand_bn",
    3: "depthwise",
    4: "depthwise_bn",
    5: "project",
    6: "project_bn",
}
_BN = ("weight", "bias", "running_mean", "running_var")


def is_torchvision(state: State) -> bool:
    """Whether the names are those of torchvision's ShuffleNet V2."""
    return "conv1.0.weight" in state and "conv5.0.weight" in state


def arch_of(state: State) -> str:
    """The row of the presets that a torchvision checkpoint belongs to.

    Raises:
        ModelError: none has its widths.
    """
    names = ("stage2.0.branch1.2.weight", "conv5.0.weight")
    if not all(name in state for name in names):
        raise ModelError(f"weights: not a ShuffleNet V2 checkpoint, it lacks one of {', '.join(names)}")
    widths = 2 * len(state[names[0]]), len(state[names[1]])
    for arch, preset in PRESETS.items():
        if isinstance(preset, ShuffleNetPreset) and (preset.channels[1], preset.channels[4]) == widths:
            return arch
    raise ModelError(
        f"weights: no ShuffleNet V2 of ours has {widths[0]} channels in stage 2 and {widths[1]} at the end"
    )


def from_torchvision(state: State, image_size: int, *, grey: bool, normalised: bool) -> keras.Model:
    """The network of a checkpoint, without ECA, with as many classes as it has.

    Args:
        state: torchvision's, or the authors' baseline, whose two linear layers become the one they amount to.
        image_size: side of the input, pixels.
        grey: fold the RGB stem into a grey one: the same numbers as for R = G = B.
        normalised: the network was trained on (x - IMAGENET_MEAN) / IMAGENET_STD; else on x in [0, 1].

    Raises:
        ModelError: a tensor is missing, unexpected or of another shape.
    """
    arch = arch_of(state)
    preset = PRESETS[arch]
    assert isinstance(preset, ShuffleNetPreset)
    mean: Sequence[float] = IMAGENET_MEAN if normalised else (0.0,) * 3
    std: Sequence[float] = IMAGENET_STD if normalised else (1.0,) * 3
    state = _one_linear_head(state)
    if grey:
        state = {**state, "conv1.0.weight": fold_rgb(state["conv1.0.weight"], mean, std, GREY_MEAN, GREY_STD)}
        mean, std = GREY_MEAN, GREY_STD
    model = shufflenet_v2(
        preset,
        len(state["fc.weight"]) if "fc.weight" in state else 1,
        image_size,
        channels=1 if grey else 3,
        mean=mean,
        std=std,
        frame=grey,
        name=arch,
    )
    _assign(model, state, preset)
    return model


def fold_rgb(
    kernel: np.ndarray,
    mean: Sequence[float],
    std: Sequence[float],
    grey_mean: Sequence[float],
    grey_std: Sequence[float],
) -> np.ndarray:
    """One convolution of (grey plane, plane of ones) equal to that of three equal, normalised planes.

    The plane of ones carries what the three means differ by; zero padding silences it at the border as it does
    the normalised pixels, so that the fold is exact there as well.

    Shape:
        [filters, 3, height, width] → [filters, 2, height, width].
    """
    weights = kernel.astype("float64") / np.asarray(std)[:, None, None]
    grey = weights.sum(1) * grey_std[0]
    ones = (weights * (grey_mean[0] - np.asarray(mean))[:, None, None]).sum(1)
    return np.stack([grey, ones], 1).astype("float32")


def _one_linear_head(state: State) -> State:
    if "fc.0.weight" not in state:
        return state
    first, second = state["fc.0.weight"].astype("float64"), state["fc.2.weight"].astype("float64")
    kept = {name: value for name, value in state.items() if not name.startswith("fc.")}
    bias = second @ state["fc.0.bias"] + state["fc.2.bias"]
    return {**kept, "fc.weight": (second @ first).astype("float32"), "fc.bias": bias.astype("float32")}


def _layers(preset: ShuffleNetPreset) -> dict[str, str]:
    """torchvision's module name → our layer name."""
    names = {"conv1.0": "stem", "conv1.1": "stem_bn", "conv5.0": "last", "conv5.1": "last_bn", "fc": "logits"}
    for stage, units in enumerate(preset.units, start=2):
        for unit in range(units):
            theirs, ours = f"stage{stage}.{unit}", f"stage{stage}_unit{unit + 1}"
            names.update({f"{theirs}.branch2.{k}": f"{ours}_{name}" for k, name in _BRANCH.items()})
            if unit == 0:
                names.update({f"{theirs}.branch1.{k}": f"{ours}_{name}" for k, name in _SIDE.items()})
    return names


def with_classes(model: keras.Model, classes: int) -> keras.Model:
    """The same network under a new head, drawn at random, for `classes` classes."""
    features = model.get_layer("logits").input
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(features)
    return keras.Model(model.input, logits, name=model.name)


def _assign(model: keras.Model, state: State, preset: ShuffleNetPreset) -> None:
    left = {name for name in state if not name.endswith("num_batches_tracked")}
    for theirs, ours in _layers(preset).items():
        layer = model.get_layer(ours)
        fields = _BN if ours.endswith("_bn") else ("weight", "bias")[: len(layer.weights)]
        names = [f"{theirs}.{field}" for field in fields]
        missing = [name for name in names if name not in state]
        if missing:
            raise ModelError(f"weights: the checkpoint lacks {missing[0]}, which {model.name} needs")
        assign(layer, [transposed(state[name], ours) for name in names], names[0])
        left -= set(names)
    if left:
        raise ModelError(f"weights: {model.name} has no place for {min(left)} ({len(left)} such tensors)")


def transposed(value: np.ndarray, layer: str) -> np.ndarray:
    """PyTorch's axes to Keras'.

    Shape:
        [out, in, height, width] → [height, width, in, out], of a depthwise layer [height, width, out, 1]; [out, in] →
        [in, out].
    """
    if value.ndim == 4:
        return value.transpose((2, 3, 0, 1) if layer.endswith("depthwise") else (2, 3, 1, 0))
    return value.T


def assign(layer: keras.layers.Layer, values: list[np.ndarray], name: str) -> None:
    """Set a layer's weights.

    Raises:
        ModelError: their shapes differ; `name` is told.
    """
    wanted, got = [tuple(weight.shape) for weight in layer.weights], [value.shape for value in values]
    if wanted != got:
        raise ModelError(f"weights: {name} has shapes {got}, {layer.name} needs {wanted}")
    layer.set_weights(values)

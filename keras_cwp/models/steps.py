"""A trained ShuffleNet V2 as the shortest list of operations that infers the same.

Batch norms are folded into the convolutions before them. The channel shuffles are gone: which unit will take a
channel is known beforehand, so that every unit's output is cut once into runs that stay together until they are
taken, and the weights are permuted to match.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_cwp.layers.eca import ECA
from keras_cwp.layers.scaling import Scaling
from keras_cwp.models.probed import is_probed

IMAGE, LOGITS = "image", "logits"
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        kind: shift, conv, depthwise, max_pool, split, concat, gate, pool or dense.
        inputs, outputs: names of tensors.
        arrays: constants: kernel [height, width, in, out], depthwise [height, width, channels, 1], bias [out],
            a gate's matrix [in, out], a dense kernel [in, out], a shift's mean [planes].
        options: strides, padding_px, relu, sizes, frame.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arrays: Arrays = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def can_plan(model: keras.Model) -> bool:
    """Whether it is a ShuffleNet V2 with ECA at the ends of its branches or none, and no probe."""
    names = {layer.name for layer in model.layers}
    gates = {layer.name for layer in model.layers if isinstance(layer, ECA)}
    plain = {"scaling", "stem_bn", "stage2_unit1_side_depthwise", "last_bn", "logits"} <= names
    return (
        plain
        and not is_probed(model)
        and all(name.rpartition("_")[0].rpartition("_")[2].startswith("unit") for name in gates)
    )


def plan(model: keras.Model) -> list[Step]:
    """The operations from IMAGE [batch, side, side, channels] in [0, 1] to LOGITS [batch, classes]."""
    scaling = model.get_layer("scaling")
    steps = [
        _shift(scaling),
        _conv(model, "stem", ("shifted",), gains=_gains(scaling), strides=2, padding_px=1, relu=True),
        Step("max_pool", ("stem",), ("pooled",), options={"size": 3, "strides": 2, "padding_px": 1}),
    ]
    inputs, order = "pooled", np.arange(_width(model, "stem"))
    for stage in sorted({name.partition("_")[0] for name in _unit_names(model)}):
        units = [name for name in _unit_names(model) if name.startswith(f"{stage}_")]
        made, order = _stage(model, stage, units, inputs, order)
        steps, inputs = steps + made, stage
    steps.append(_conv(model, "last", (inputs,), rows=order, relu=True))
    steps.append(Step("pool", ("last",), ("means",)))
    kernel, bias = model.get_layer("logits").get_weights()
    return [*steps, Step("dense", ("means",), (LOGITS,), {"kernel": kernel, "bias": bias})]


def _unit_names(model: keras.Model) -> list[str]:
    names = (layer.name.removesuffix("_expand") for layer in model.layers if layer.name.endswith("_expand"))
    return sorted(names, key=lambda name: (name.partition("_")[0], int(name.rpartition("unit")[2])))


def _width(model: keras.Model, name: str) -> int:
    return int(model.get_layer(name).kernel.shape[-1])


def _shift(layer: Scaling) -> Step:
    """Scaling's subtraction; its division is left to the stem, for zeros beyond the border stay zeros."""
    return Step("shift", (IMAGE,), ("shifted",), _single({"mean": np.asarray(layer.mean)}), {"frame": layer.frame})


def _gains(layer: Scaling) -> np.ndarray:
    return np.array([1 / value for value in layer.std] + [1.0] * layer.frame)


def _single(arrays: Arrays) -> Arrays:
    return {name: np.ascontiguousarray(value, "float32") for name, value in arrays.items()}


def _gain_and_offset(model: keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What the batch norm after a convolution amounts to, float64."""
    layer = model.get_layer(f"{name}_bn")
    gamma, beta, mean, variance = (weight.astype("float64") for weight in layer.get_weights())
    gain = gamma / np.sqrt(variance + layer.epsilon)
    return gain, beta - mean * gain


def _conv(
    model: keras.Model,
    name: str,
    inputs: tuple[str, ...],
    *,
    rows: np.ndarray | None = None,
    columns: np.ndarray | None = None,
    constant: np.ndarray | None = None,
    gains: np.ndarray | None = None,
    **options: Any,
) -> Step:
    """A convolution and its batch norm.

    Args:
        model: where they are.
        name: of the convolution; the output is named so.
        inputs: names of tensors.
        rows, columns: channel that stands at each place of the input, of the output; None: as they were.
        constant: added to every pixel of the input, in the old order.
        gains: that every channel of the input is multiplied by.
        options: of the step.
    """
    gain, bias = _gain_and_offset(model, name)
    kernel = model.get_layer(name).get_weights()[0].astype("float64") * gain
    if gains is not None:
        kernel = kernel * gains[:, None]
    if constant is not None:
        bias = bias + constant @ kernel[0, 0]
    kernel = kernel if rows is None else kernel[:, :, rows]
    if columns is not None:
        kernel, bias = kernel[..., columns], bias[columns]
    defaults = {"strides": 1, "padding_px": 0, "relu": False}
    return Step("conv", inputs, (name,), _single({"kernel": kernel, "bias": bias}), {**defaults, **options})


def _depthwise(
    model: keras.Model, name: str, inputs: tuple[str, ...], rows: np.ndarray, strides: int
) -> tuple[Step, np.ndarray]:
    """A depthwise convolution with its batch norm's gain, and the offset [channels, old order] for what follows."""
    gain, offset = _gain_and_offset(model, name)
    kernel = model.get_layer(name).get_weights()[0].astype("float64") * gain[:, None]
    arrays = _single({"kernel": kernel[:, :, rows]})
    return Step("depthwise", inputs, (name,), arrays, {"strides": strides, "padding_px": 1}), offset


Channel = tuple[str, int]  # the half that made it, and its number there


def _shuffled(kept: list[Channel], made: list[Channel]) -> list[Channel]:
    return [channel for pair in zip(kept, made, strict=True) for channel in pair]


def _takers(units: list[str], half: int) -> tuple[dict[Channel, int], list[Channel]]:
    """Which unit of the stage takes each channel (their number: none does), and the order at the stage's end."""
    side, branch = ([(name, k) for k in range(half)] for name in (f"{units[0]}_side", units[0]))
    channels, taker = _shuffled(side, branch), {}
    for number, unit in enumerate(units[1:], start=1):
        taker.update(dict.fromkeys(channels[half:], number))
        channels = _shuffled(channels[:half], [(unit, k) for k in range(half)])
    return {**taker, **dict.fromkeys(channels, len(units))}, channels


class _Runs:
    """The halves made so far in a stage, each cut into runs of channels that are taken together."""

    def __init__(self, units: list[str], half: int) -> None:
        self.half = half
        self.end = len(units)
        self.taker, self.final = _takers(units, half)
        self.waiting: dict[int, list[tuple[str, list[Channel]]]] = {}

    def columns(self, source: str) -> np.ndarray:
        """The order in which a half is to be made: by when a channel is taken."""
        return np.array(sorted(range(self.half), key=lambda k: (self.taker[source, k], k)))

    def cut(self, source: str, tensor: str) -> list[Step]:
        """Register a half, made in the order of `columns`; a split if its channels part."""
        when = [self.taker[source, k] for k in self.columns(source)]
        numbers = sorted(set(when))
        names = [f"{source}_for_{number}" for number in numbers] if len(numbers) > 1 else [tensor]
        for number, name in zip(numbers, names, strict=True):
            channels = [(source, int(k)) for k in self.columns(source) if self.taker[source, k] == number]
            self.waiting.setdefault(number, []).append((name, channels))
        sizes = [when.count(number) for number in numbers]
        return [Step("split", (tensor,), tuple(names), options={"sizes": sizes})] if len(numbers) > 1 else []

    def take(self, number: int, name: str) -> tuple[list[Step], list[Channel]]:
        """Join the runs that a unit takes under a name; the channels in their present order."""
        runs = self.waiting.pop(number)
        channels = [channel for _, run in runs for channel in run]
        return [Step("concat", tuple(tensor for tensor, _ in runs), (name,))], channels


def _stage(
    model: keras.Model, stage: str, units: list[str], inputs: str, order: np.ndarray
) -> tuple[list[Step], np.ndarray]:
    """A stage's steps; its output is named after it. Also the channel at each place of that output."""
    runs = _Runs(units, _width(model, f"{units[0]}_project"))
    side = f"{units[0]}_side"
    steps, offset = _depthwise(model, f"{side}_depthwise", (inputs,), order, 2)
    project = _conv(
        model,
        f"{side}_project",
        steps.outputs,
        rows=order,
        columns=runs.columns(side),
        constant=offset,
        relu=True,
    )
    made = [steps, project, *runs.cut(side, project.outputs[0])]
    made += _branch(model, units[0], inputs, order, runs, strides=2)
    order_before = _halves(units, runs.half)
    for number, unit in enumerate(units[1:], start=1):
        joined, channels = runs.take(number, f"{unit}_taken")
        rows = _places(channels, order_before[unit])
        made += [*joined, *_branch(model, unit, f"{unit}_taken", rows, runs, strides=1)]
    joined, channels = runs.take(runs.end, stage)
    return [*made, *joined], _places(channels, runs.final)


def _halves(units: list[str], half: int) -> dict[str, list[Channel]]:
    """The channels that each unit takes, in the order of its weights."""
    side, branch = ([(name, k) for k in range(half)] for name in (f"{units[0]}_side", units[0]))
    channels, taken = _shuffled(side, branch), {}
    for unit in units[1:]:
        taken[unit] = channels[half:]
        channels = _shuffled(channels[:half], [(unit, k) for k in range(half)])
    return taken


def _places(channels: Iterable[Channel], wanted: list[Channel]) -> np.ndarray:
    place = {channel: k for k, channel in enumerate(wanted)}
    return np.array([place[channel] for channel in channels])


def _branch(model: keras.Model, unit: str, inputs: str, rows: np.ndarray, runs: _Runs, *, strides: int) -> list[Step]:
    expand = _conv(model, f"{unit}_expand", (inputs,), rows=rows, relu=True)
    same = np.arange(_width(model, f"{unit}_expand"))
    depthwise, offset = _depthwise(model, f"{unit}_depthwise", expand.outputs, same, strides)
    columns = runs.columns(unit)
    project = _conv(model, f"{unit}_project", depthwise.outputs, columns=columns, constant=offset, relu=True)
    steps = [expand, depthwise, project]
    gates = {layer.name: layer for layer in model.layers if isinstance(layer, ECA)}
    if f"{unit}_eca" in gates:
        steps.append(_gate(gates[f"{unit}_eca"], project.outputs, columns))
    return [*steps, *runs.cut(unit, steps[-1].outputs[0])]


def _gate(layer: ECA, inputs: tuple[str, ...], columns: np.ndarray) -> Step:
    """ECA's convolution over the channels as the banded matrix that it is, rows and columns in the present order."""
    kernel = layer.get_weights()[0][:, 0, 0]
    reach = len(kernel) // 2
    matrix = sum(np.eye(len(columns), k=reach - tap) * weight for tap, weight in enumerate(kernel))
    return Step("gate", inputs, (layer.name,), _single({"matrix": np.asarray(matrix)[columns][:, columns]}))

"""ShuffleNet V2 as steps without its channel shuffles.

Which unit will take a channel is known beforehand, so that every unit's output is cut once into runs that stay together
until they are taken, and the weights are permuted to match.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import keras
import numpy as np

from keras_cwp.layers.eca import ECA
from keras_cwp.models.probed import is_probed
from keras_cwp.models.steps import Step, Taps, conv, depthwise, gains, shift, single, width


def is_shufflenet(model: keras.Model) -> bool:
    """Whether it is a ShuffleNet V2 with ECA at the ends of its branches or none."""
    names = {layer.name for layer in model.layers}
    gates = {layer.name for layer in model.layers if isinstance(layer, ECA)}
    plain = {"scaling", "stem_bn", "stage2_unit1_side_depthwise", "last_bn", "logits"} <= names
    return plain and all(name.rpartition("_")[0].rpartition("_")[2].startswith("unit") for name in gates)


def shufflenet_steps(model: keras.Model) -> tuple[list[Step], Taps]:
    """The steps up to the last convolution, and what a head may see of them."""
    steps = _stem(model)
    taps: Taps = {"stem_bn": ("stem", None), "stem_relu": ("pooled", None)}
    inputs, order = "pooled", np.arange(width(model, "stem"))
    for stage in sorted({name.partition("_")[0] for name in _unit_names(model)}):
        units = [name for name in _unit_names(model) if name.startswith(f"{stage}_")]
        made, order = _stage(model, stage, units, inputs, order)
        steps, inputs = steps + made, stage
        taps[units[-1]] = stage, order
    taps["features"] = "last", None
    return [*steps, conv(model, "last", (inputs,), rows=order, activation="relu")], taps


def _stem(model: keras.Model) -> list[Step]:
    """The stem and its pooling; a probe sees the stem before it is rectified, which then is a step of its own."""
    scaling, probe = model.get_layer("scaling"), is_probed(model)
    activation = "" if probe else "relu"
    stem = conv(model, "stem", ("shifted",), gains=gains(scaling), activation=activation, strides=2, padding_px=(1, 1))
    rectified = [Step("relu", ("stem",), ("stem_relu",))] if probe else []
    pool = Step(
        "max_pool",
        ("stem_relu" if probe else "stem",),
        ("pooled",),
        options={"size": 3, "strides": 2, "padding_px": (1, 1)},
    )
    return [shift(scaling), stem, *rectified, pool]


def _unit_names(model: keras.Model) -> list[str]:
    names = (layer.name.removesuffix("_expand") for layer in model.layers if layer.name.endswith("_expand"))
    return sorted(names, key=lambda name: (name.partition("_")[0], int(name.rpartition("unit")[2])))


def _depthwise(
    model: keras.Model, name: str, inputs: tuple[str, ...], rows: np.ndarray, strides: int
) -> tuple[Step, np.ndarray]:
    """A depthwise convolution of channels in the order of `rows`, and its offset, which what follows takes."""
    step, offset = depthwise(model, name, inputs, strides=strides, padding_px=(1, 1))
    return replace(step, arrays=single({"kernel": step.arrays["kernel"][:, :, rows]})), offset


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
    runs = _Runs(units, width(model, f"{units[0]}_project"))
    side = f"{units[0]}_side"
    steps, offset = _depthwise(model, f"{side}_depthwise", (inputs,), order, 2)
    project = conv(
        model,
        f"{side}_project",
        steps.outputs,
        rows=order,
        columns=runs.columns(side),
        constant=offset,
        activation="relu",
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
    expand = conv(model, f"{unit}_expand", (inputs,), rows=rows, activation="relu")
    same = np.arange(width(model, f"{unit}_expand"))
    filtered, offset = _depthwise(model, f"{unit}_depthwise", expand.outputs, same, strides)
    columns = runs.columns(unit)
    project = conv(model, f"{unit}_project", filtered.outputs, columns=columns, constant=offset, activation="relu")
    steps = [expand, filtered, project]
    gates = {layer.name: layer for layer in model.layers if isinstance(layer, ECA)}
    if f"{unit}_eca" in gates:
        steps.append(_gate(gates[f"{unit}_eca"], project.outputs, columns))
    return [*steps, *runs.cut(unit, steps[-1].outputs[0])]


def _gate(layer: ECA, inputs: tuple[str, ...], columns: np.ndarray) -> Step:
    """ECA's convolution over the channels as the banded matrix that it is, rows and columns in the present order."""
    kernel = layer.get_weights()[0][:, 0, 0]
    reach = len(kernel) // 2
    matrix = sum(np.eye(len(columns), k=reach - tap) * weight for tap, weight in enumerate(kernel))
    return Step("gate", inputs, (layer.name,), single({"matrix": np.asarray(matrix)[columns][:, columns]}))

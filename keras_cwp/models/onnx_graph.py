"""Plans as an ONNX graph, channels first, written node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_cwp.models.steps import IMAGE, LOGITS, Step

PIXELS, PROBABILITIES = "pixels", "probabilities"
OPSET = 17  # of 2022: ONNX Runtime 1.12 and later read it; nothing here needs a newer one
_IR_VERSION = 8  # of the same year
_PRODUCER = "keras_cwp"
BLOCK = 16  # channels that ONNX Runtime's CPU kernels keep together with AVX-512; 8 or 4 elsewhere


def onnx_model(
    plans: Sequence[list[Step]], side: int, classes: int, notes: dict[str, str], shares: Sequence[float] = ()
) -> Any:
    """The ONNX model of one network, or of the mean of the probabilities of several, such as those of the folds.

    Args:
        plans: steps of each network as `plan` gives them; the input has one channel.
        side: of the input, pixels.
        classes: logits at the end of each network.
        notes: metadata to store in the model, name: text.
        shares: of each network in the mean; none: all alike.

    Shape:
        PIXELS float32 [batch, side, side, 1] in [0, 1] → PROBABILITIES float32 [batch, classes]; batch is free.

    Raises:
        onnx.checker.ValidationError: the graph is not valid ONNX; a mistake in this file.
    """
    from onnx import TensorProto, checker, helper

    graph = _Graph()
    # one channel: last or first is the same bytes
    graph.add("Reshape", PIXELS, graph.constant([0, 1, side, side]), output=IMAGE)
    several = len(plans) > 1
    for number, steps in enumerate(plans, start=1):
        prefix = f"network{number}_" if several else ""
        for step in _prefixed(align_stem(steps), prefix):
            _ADD[step.kind](graph, step)
        graph.add("Softmax", f"{prefix}{LOGITS}", output=f"{prefix}{PROBABILITIES}", axis=1)
    if several:
        answers = [f"network{number}_{PROBABILITIES}" for number in range(1, len(plans) + 1)]
        if len(set(shares)) > 1:
            weighted = zip(answers, shares, strict=True)
            answers = [graph.add("Mul", name, graph.constant(np.array([share]))) for name, share in weighted]
            graph.add("Sum", *answers, output=PROBABILITIES)
        else:
            graph.add("Mean", *answers, output=PROBABILITIES)
    made = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info(PIXELS, TensorProto.FLOAT, ["batch", side, side, 1])],
        [helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["batch", classes])],
        graph.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(made, opset_imports=opset, ir_version=_IR_VERSION, producer_name=_PRODUCER)
    helper.set_model_props(model, notes)
    checker.check_model(model, full_check=True)
    return model


def _prefixed(steps: list[Step], prefix: str) -> list[Step]:
    """The same steps with other names for all tensors but the image."""

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name if name == IMAGE else f"{prefix}{name}" for name in names)

    return [replace(step, inputs=renamed(step.inputs), outputs=renamed(step.outputs)) for step in steps]


class _Graph:
    """Nodes and constants so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        """Name of a new constant: float32 for arrays of numbers with a fraction, int64 for lists of integers."""
        from onnx import numpy_helper

        array = np.asarray(value, np.float32 if isinstance(value, np.ndarray) else np.int64, order="C")
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, outputs: Any = (), **attributes: Any) -> str:
        """Append a node; the name of its first output."""
        from onnx import helper

        outputs = outputs or [output or f"{kind.lower()}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=f"{outputs[0]}_node", **attributes))
        return outputs[0]


def _shift(graph: _Graph, step: Step) -> None:
    mean = graph.constant(step.arrays["mean"].reshape(1, -1, 1, 1))
    if not step.options["frame"]:
        graph.add("Sub", step.inputs[0], mean, output=step.outputs[0])
        return
    one, zero = (graph.constant(np.full(1, value)) for value in (1.0, 0.0))
    ones = graph.add("Add", graph.add("Mul", step.inputs[0], zero), one)
    graph.add("Concat", graph.add("Sub", step.inputs[0], mean), ones, output=step.outputs[0], axis=1)


def _window(step: Step, kernel_px: int) -> dict[str, Any]:
    return {
        "kernel_shape": [kernel_px] * 2,
        "strides": [step.options["strides"]] * 2,
        "pads": np.repeat(step.options["padding_px"], 2).tolist(),  # rows and columns before, then after
    }


def _conv(graph: _Graph, step: Step) -> None:
    kernel = step.arrays["kernel"].transpose(3, 2, 0, 1)  # [out, in, height, width]
    _filtered(graph, step, kernel)


def _depthwise(graph: _Graph, step: Step) -> None:
    kernel = step.arrays["kernel"].transpose(2, 3, 0, 1)  # [channels, 1, height, width]
    _filtered(graph, step, kernel, group=len(kernel))


def _filtered(graph: _Graph, step: Step, kernel: np.ndarray, **attributes: Any) -> None:
    bias = [graph.constant(step.arrays["bias"])] if "bias" in step.arrays else []
    window = _window(step, kernel.shape[-1])
    inputs = step.inputs[0], graph.constant(kernel), *bias
    activation = step.options["activation"]
    made = graph.add("Conv", *inputs, output=None if activation else step.outputs[0], **window, **attributes)
    if activation == "relu":
        graph.add("Relu", made, output=step.outputs[0])
    elif activation == "relu6":
        limits = (graph.constant(np.array(value)) for value in (0.0, 6.0))
        graph.add("Clip", made, *limits, output=step.outputs[0])


def _relu(graph: _Graph, step: Step) -> None:
    graph.add("Relu", step.inputs[0], output=step.outputs[0])


def _add(graph: _Graph, step: Step) -> None:
    graph.add("Add", *step.inputs, output=step.outputs[0])


def _average_pool(graph: _Graph, step: Step) -> None:
    window = _window(step, step.options["size"])
    graph.add("AveragePool", step.inputs[0], output=step.outputs[0], count_include_pad=0, **window)


def _max_pool(graph: _Graph, step: Step) -> None:
    graph.add("MaxPool", step.inputs[0], output=step.outputs[0], **_window(step, step.options["size"]))


def _split(graph: _Graph, step: Step) -> None:
    graph.add("Split", step.inputs[0], graph.constant(step.options["sizes"]), outputs=step.outputs, axis=1)


def _concat(graph: _Graph, step: Step) -> None:
    graph.add("Concat", *step.inputs, output=step.outputs[0], axis=1)


def _gate(graph: _Graph, step: Step) -> None:
    matrix = step.arrays["matrix"]
    means = graph.add("ReduceMean", step.inputs[0], axes=[2, 3], keepdims=0)
    gate = graph.add("Sigmoid", graph.add("Gemm", means, graph.constant(matrix)))  # ONNX Runtime makes them one
    columns = graph.add("Reshape", gate, graph.constant([0, len(matrix), 1, 1]))
    graph.add("Mul", step.inputs[0], columns, output=step.outputs[0])


def _pool(graph: _Graph, step: Step) -> None:
    means = graph.add("GlobalAveragePool", step.inputs[0])
    graph.add("Flatten", means, output=step.outputs[0], axis=1)


def _dense(graph: _Graph, step: Step) -> None:
    kernel, bias = (graph.constant(step.arrays[name]) for name in ("kernel", "bias"))
    graph.add("Gemm", step.inputs[0], kernel, bias, output=step.outputs[0])


_ADD: dict[str, Callable[[_Graph, Step], None]] = {
    "shift": _shift,
    "conv": _conv,
    "depthwise": _depthwise,
    "relu": _relu,
    "add": _add,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "split": _split,
    "concat": _concat,
    "gate": _gate,
    "pool": _pool,
    "dense": _dense,
}


def align_stem(steps: list[Step]) -> list[Step]:
    """The same network with channels of zeros behind the stem's, until they are a multiple of BLOCK.

    Pooling of 24 channels would have ONNX Runtime take its blocks apart and join them again, on the largest tensor
    that there is: a fifth of its time. The kernels that see the zeros have zeros there too.
    """
    if any(step.kind == "average_pool" for step in steps):
        return steps  # a probe, whose head sees the stem
    missing: dict[str, int] = {}
    aligned = []
    for step in steps:
        behind = missing.get(step.inputs[0], 0)
        if step.kind == "conv":
            ahead = -len(step.arrays["bias"]) % BLOCK if step.outputs == ("stem",) else 0
            arrays = {
                "kernel": _padded(step.arrays["kernel"], behind, ahead),
                "bias": _padded(step.arrays["bias"], ahead),
            }
            step, behind = replace(step, arrays=arrays), ahead
        elif step.kind == "depthwise":
            step = replace(step, arrays=step.arrays | {"kernel": _padded(step.arrays["kernel"], behind, 0)})
        elif step.kind != "max_pool":
            behind = 0  # only convolutions see the pooled stem
        missing.update(dict.fromkeys(step.outputs, behind))
        aligned.append(step)
    return aligned


def _padded(array: np.ndarray, *zeros: int) -> np.ndarray:
    """Zeros behind the last axes."""
    return np.pad(array, [(0, 0)] * (array.ndim - len(zeros)) + [(0, number) for number in zeros])

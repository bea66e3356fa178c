"""A trained network rewritten for inference: the same probabilities, in a fraction of the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras

from keras_cwp.models.mean import mean_of, networks_of, shares_of
from keras_cwp.models.plan import can_plan, plan
from keras_cwp.models.steps import IMAGE, LOGITS, Step, same_padding


def deploy(model: keras.Model, *, portable: bool = False) -> keras.Model:
    """An equivalent of `model` that only infers; `model` itself where no rewriting is known.

    Args:
        portable: padding of the pool as an operation of its own, for converters that do not know it otherwise.

    Rewritten: what `plan.can_plan` names, on the TensorFlow backend; a mean of such networks too.
    Its weights are constants of the graph.

    Shape:
        as `model`: [batch, side, side, channels] in [0, 1] → logits [batch, classes] float32.
    """
    if keras.backend.backend() != "tensorflow":
        return model
    if networks := networks_of(model):
        return mean_of([deploy(network, portable=portable) for network in networks], shares_of(model))
    if not can_plan(model):
        return model
    image = keras.Input(model.input_shape[1:], name="image")
    steps = [part for step in plan(model) for part in (_portable(step) if portable else [step])]
    return keras.Model(image, Planned(steps, name=LOGITS)(image), name=model.name)


class Planned(keras.layers.Layer):
    """Carries out a plan with TensorFlow's operations. It is not saved as a layer; export what contains it."""

    def __init__(self, steps: list[Step], **kwargs: Any) -> None:
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.steps = tuple(steps)

    def call(self, inputs: Any) -> Any:
        return self._carry_out(inputs)[LOGITS]

    def with_features(self, inputs: Any) -> tuple[Any, Any]:
        """Activations before the global pooling [batch, h, w, channels], in the plan's order, and the logits."""
        tensors = self._carry_out(inputs)
        return tensors[next(step.inputs[0] for step in self.steps if step.kind == "pool")], tensors[LOGITS]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], len(self.steps[-1].arrays["bias"]))

    def _carry_out(self, inputs: Any) -> dict[str, Any]:
        tensors = {IMAGE: inputs}
        for step in self.steps:
            outputs = _RUN[step.kind](step, *(tensors[name] for name in step.inputs))
            tensors.update(zip(step.outputs, outputs if step.kind == "split" else [outputs], strict=True))
        return tensors


def _portable(step: Step) -> list[Step]:
    if step.kind != "max_pool":
        return [step]
    padded = (f"{step.inputs[0]}_padded",)
    pool = replace(step, inputs=padded, options=step.options | {"padding_px": (0, 0)})
    return [Step("pad", step.inputs, padded, options=step.options), pool]


def _padding(step: Step, x: Any, kernel_px: int) -> Any:
    padding_px = step.options["padding_px"]
    if not any(padding_px):
        return "VALID"
    if tuple(padding_px) == same_padding(x.shape[1], kernel_px, step.options["strides"]):
        return "SAME"
    return [[0, 0], padding_px, padding_px, [0, 0]]


def _activated(step: Step, x: Any) -> Any:
    import tensorflow as tf

    if step.options["activation"] == "relu":
        return tf.nn.relu(x)
    return tf.nn.relu6(x) if step.options["activation"] == "relu6" else x


def _shift(step: Step, x: Any) -> Any:
    import tensorflow as tf

    planes = x - step.arrays["mean"]
    return tf.concat([planes, tf.ones_like(x[..., :1])], -1) if step.options["frame"] else planes


def _conv(step: Step, x: Any) -> Any:
    import tensorflow as tf

    kernel = step.arrays["kernel"]
    x = tf.nn.conv2d(x, kernel, step.options["strides"], _padding(step, x, kernel.shape[0]))
    return _activated(step, tf.nn.bias_add(x, step.arrays["bias"]))


def _depthwise(step: Step, x: Any) -> Any:
    import tensorflow as tf

    kernel, strides = step.arrays["kernel"], step.options["strides"]
    x = tf.nn.depthwise_conv2d(x, kernel, (1, strides, strides, 1), _padding(step, x, kernel.shape[0]))
    return _activated(step, tf.nn.bias_add(x, step.arrays["bias"]) if "bias" in step.arrays else x)


def _relu(_: Step, x: Any) -> Any:
    import tensorflow as tf

    return tf.nn.relu(x)


def _add(_: Step, x: Any, y: Any) -> Any:
    return x + y


def _pad(step: Step, x: Any) -> Any:
    import tensorflow as tf

    padding_px = step.options["padding_px"]  # zeros do for a pool, since what is pooled is rectified
    return tf.pad(x, [[0, 0], padding_px, padding_px, [0, 0]])


def _max_pool(step: Step, x: Any) -> Any:
    import tensorflow as tf

    size = step.options["size"]
    return tf.nn.max_pool2d(x, size, step.options["strides"], _padding(step, x, size))


def _average_pool(step: Step, x: Any) -> Any:
    import tensorflow as tf

    return tf.nn.avg_pool2d(x, step.options["size"], step.options["strides"], "SAME")  # zeros beyond do not count


def _split(step: Step, x: Any) -> list[Any]:
    import tensorflow as tf

    pieces: list[Any] = tf.split(x, step.options["sizes"], axis=-1)
    return pieces


def _concat(_: Step, *runs: Any) -> Any:
    import tensorflow as tf

    return tf.concat(runs, -1)


def _gate(step: Step, x: Any) -> Any:
    import tensorflow as tf

    gate = tf.sigmoid(tf.matmul(tf.reduce_mean(x, (1, 2)), step.arrays["matrix"]))
    return x * gate[:, None, None, :]


def _pool(_: Step, x: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_mean(x, (1, 2))


def _dense(step: Step, x: Any) -> Any:
    import tensorflow as tf

    return tf.nn.bias_add(tf.matmul(x, step.arrays["kernel"]), step.arrays["bias"])


_RUN: dict[str, Callable[..., Any]] = {
    "shift": _shift,
    "conv": _conv,
    "depthwise": _depthwise,
    "relu": _relu,
    "add": _add,
    "pad": _pad,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "split": _split,
    "concat": _concat,
    "gate": _gate,
    "pool": _pool,
    "dense": _dense,
}

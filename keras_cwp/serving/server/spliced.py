"""A SavedModel whose network is computed by a Python function; everything around the network stays as it was exported.

Decoding, cropping, views and judging are TensorFlow operations in either case, so the answers of two engines can
differ only where the network's own probabilities do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import function_pb2, types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from keras_cwp.errors import ServingError
from keras_cwp.serving.signatures import NETWORK_FUNCTION

Network = Callable[[np.ndarray], np.ndarray]
_SCOPE = "keras_cwp_engine"
_MODEL_FILE = "saved_model.pb"


@contextmanager
def with_network(version: Path, ask: Network) -> Iterator[Path]:
    """A folder like a version's, whose SavedModel asks `ask` for probabilities; to be loaded inside the block.

    The current default graph keeps `ask` alive, so the SavedModel has to be loaded into that graph.

    Args:
        ask: float32 [B, image_size, image_size, 1] in [0, 1], B may be 0 → float32 [B, classes]. It is called in
            threads of TensorFlow.

    Raises:
        ServingError: the version has no function that is its network.
    """
    model = saved_model_pb2.SavedModel.FromString((version / _MODEL_FILE).read_bytes())
    token = _token(ask)
    found = [function for graph in model.meta_graphs for function in _networks(graph)]
    for function in found:
        _splice(function, token)
    if len(found) != 1:
        raise ServingError(
            f"{version / _MODEL_FILE} has {len(found)} functions that are the network; expected one, as export of this "
            "keras-cwp writes"
        )
    with tempfile.TemporaryDirectory(prefix="keras_cwp_") as scratch:
        folder = Path(scratch)
        (folder / _MODEL_FILE).write_bytes(model.SerializeToString())
        for name in ("variables", "assets"):
            if (version / name).is_dir():
                (folder / name).symlink_to((version / name).resolve(), target_is_directory=True)
        yield folder


def _networks(graph: Any) -> list[function_pb2.FunctionDef]:
    """The functions of a MetaGraphDef that `Signatures` traced the network into: pixels → probabilities."""
    start = f"__inference_{NETWORK_FUNCTION}_"
    return [
        function
        for function in graph.graph_def.library.function
        if function.signature.name.startswith(start)
        and [argument.type for argument in function.signature.input_arg] == [types_pb2.DT_FLOAT]
        and [argument.type for argument in function.signature.output_arg] == [types_pb2.DT_FLOAT]
    ]


def _token(ask: Network) -> bytes:
    """The name under which TensorFlow finds a Python function, for as long as the default graph lives."""
    with tf.name_scope(_SCOPE):
        call = tf.numpy_function(ask, [tf.zeros([1])], tf.float32, stateful=False)
    token: bytes = call.op.get_attr("token")
    return token


def _splice(function: function_pb2.FunctionDef, token: bytes) -> None:
    """Replace a function's body by a call of the Python function behind the token."""
    (given,), (wanted,) = function.signature.input_arg, function.signature.output_arg
    function.ClearField("node_def")
    function.ClearField("control_ret")
    call = function.node_def.add(name="call", op="PyFuncStateless", input=[given.name])
    call.attr["token"].s = token
    call.attr["Tin"].list.type.append(types_pb2.DT_FLOAT)
    call.attr["Tout"].list.type.append(types_pb2.DT_FLOAT)
    function.ret.clear()
    function.ret[wanted.name] = "call:output:0"

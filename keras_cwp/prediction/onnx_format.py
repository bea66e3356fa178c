"""A network as ONNX, and ONNX Runtime as what runs it.

TensorFlow is imported by what needs it: predict answers without it where it can.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.runtime import cores, install_command
from keras_cwp.training.run import ModelContract

Ask = Callable[[Any], np.ndarray]

# Images at a time: what passes between the layers of so few stays in a core's cache; 32 took a seventh longer each.
_CHUNK = 8
_ERRORS_ONLY = 3  # ONNX Runtime's log severity


def is_installed() -> bool:
    """Whether the extra `onnx` is there and can be imported."""
    try:
        importlib.import_module("onnx")
        importlib.import_module("onnxruntime")
    except (ImportError, AttributeError, OSError):  # as in open_session
        return False
    return True


def to_onnx(network: Any, contract: ModelContract, notes: dict[str, str] | None = None) -> bytes:
    """The network, rewritten for inference, as an ONNX file whose metadata names the classes.

    Args:
        network: of one kind that the rewriting knows, or the mean of several such networks.
        notes: more metadata, name: text.

    Raises:
        ServingError: the extra is not installed, or a network that the rewriting does not know.
    """
    from keras_cwp.models.mean import networks_of, shares_of
    from keras_cwp.models.onnx_graph import onnx_model
    from keras_cwp.models.plan import plan

    if obstacle := why_not_onnx(network):
        raise ServingError(f"--format onnx: {obstacle}; use --format savedmodel")
    about = {"classes": json.dumps(contract.classes), "input": "crop, bone bright, 0 to 1"}
    plans = [plan(each) for each in networks_of(network) or [network]]
    model = onnx_model(plans, contract.image_size, len(contract.classes), about | (notes or {}), shares_of(network))
    return model.SerializeToString()


def why_not_onnx(network: Any) -> str:
    """Why a network cannot be written as ONNX here; "" where it can."""
    from keras_cwp.models.mean import networks_of
    from keras_cwp.models.plan import can_plan

    if not is_installed():
        return f"ONNX and ONNX Runtime are not installed: {install_command('onnx')}"
    unknown = [each.name for each in networks_of(network) or [network] if not can_plan(each)]
    if unknown:
        return (
            f"{unknown[0]!r} is neither a ShuffleNet V2 with ECA at the ends of its units or none, nor an "
            "EfficientNet-Lite, nor a probe of one of these: no other network is written as ONNX"
        )
    return ""


def run_onnx(content: bytes) -> Ask:
    """float32 [B, image_size, image_size, 1] in [0, 1] → probabilities float64 [B, classes], by ONNX Runtime.

    Raises:
        ServingError: ONNX Runtime is not installed, or cannot read the file.
    """
    return ask_of(open_session(content))


def open_session(content: bytes, *, spin: bool = True) -> Any:
    """ONNX Runtime's session of a file.

    Args:
        spin: during an answer, threads wait for the next operation in a busy loop, which is quicker where nothing else
            wants the CPU.

    Raises:
        ServingError: as `run_onnx`.
    """
    try:
        import onnxruntime
    except (ImportError, AttributeError, OSError):  # the latter two of one that was built for another NumPy or system
        raise ServingError(f"an ONNX model needs ONNX Runtime: {install_command('onnx')}") from None

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = cores()  # stated, or it would bind threads to CPUs that may not be ours
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    options.add_session_config_entry("session.force_spinning_stop", "1")  # after an answer, others want the CPU
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of classes that its C++ part makes
        raise ServingError(f"ONNX Runtime cannot read the model: {' '.join(str(error).split())}") from None


def ask_of(session: Any) -> Ask:
    """What asks a session; see `run_onnx`."""
    (name,) = [each.name for each in session.get_inputs()]

    def ask(pixels: Any) -> np.ndarray:
        images = np.asarray(pixels, np.float32)
        chunks = [images[start : start + _CHUNK] for start in range(0, max(len(images), 1), _CHUNK)]
        return np.concatenate([session.run(None, {name: chunk})[0] for chunk in chunks]).astype(np.float64)

    return ask


def engine_name() -> str:
    """ONNX Runtime and its version."""
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__}"

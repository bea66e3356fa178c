"""A plan whose stem is as wide as the blocks that ONNX Runtime works in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from keras_cwp.models.plan import Step

BLOCK = 16  # channels that ONNX Runtime's CPU kernels keep together with AVX-512; 8 or 4 elsewhere


def align_stem(steps: list[Step]) -> list[Step]:
    """The same network with channels of zeros behind the stem's, until they are a multiple of BLOCK.

    Pooling of 24 channels would have ONNX Runtime put its blocks asunder and together again, on the largest tensor
    that there is: a fifth of its time. The kernels that see the zeros have zeros there too.
    """
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
            step = replace(step, arrays={"kernel": _padded(step.arrays["kernel"], behind, 0)})
        elif step.kind != "max_pool":
            behind = 0  # only convolutions see the pooled stem
        missing.update(dict.fromkeys(step.outputs, behind))
        aligned.append(step)
    return aligned


def _padded(array: np.ndarray, *zeros: int) -> np.ndarray:
    """Zeros behind the last axes."""
    return np.pad(array, [(0, 0)] * (array.ndim - len(zeros)) + [(0, number) for number in zeros])

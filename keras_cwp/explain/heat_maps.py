"""Where the network looked: Grad-CAM, Grad-CAM++, LayerCAM and occlusion.

A map shows what raised the score, not what is ill; it is a check on the network, not a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf

from keras_cwp.errors import ModelError
from keras_cwp.explain.gradients import Probe, class_gradient, layercam
from keras_cwp.models.deploy import Planned
from keras_cwp.models.forward import forward
from keras_cwp.models.probed import features_layer

FEATURES = "features"  # the layer before the global pooling in every network of models/
METHODS = ("layercam", "gradcam", "gradcam++", "occlusion")
FINE_STRIDE = 8  # pixels of the image for a cell of the map that layercam reads, at most; scripts/bench_explain.py
_SMOOTH_CELLS = 0.5  # standard deviation of the blur of such a map: one odd cell is no place; measured there too
_BATCH = 8  # images whose activations and gradients are held at once: 170 MB each of EfficientNet-Lite0 at 320 pixels
_Ask = Callable[[np.ndarray], np.ndarray]


def heat_maps(
    model: Any, images: np.ndarray, class_index: np.ndarray, method: str = METHODS[0], layer: str | None = None
) -> np.ndarray:
    """Map of what raised the score of a class, one for each image, each divided by its own largest value.

    Args:
        model: float32 [B, H, W, 1] in [0, 1] → logits [B, classes]; as trained, or what `deploy` made of it.
        images: float32 [B, H, W, 1] in [0, 1].
        class_index: int [B]; the class that each map is of.
        method: `layercam` (each activation by its own positive gradient, in a finer layer), `gradcam` (weights: mean
            gradient of a channel), `gradcam++` (positive gradients, weighted per position, so that several small
            opacities count alike), or `occlusion` (fall of the probability of the class under a grey patch; slow, and
            the only one that does not need gradients). scripts/bench_explain.py measures them.
        layer: layer whose activations [B, h, w, channels] are read; None: of `layercam` what `fine_layer` finds,
            smoothed by half a cell, of the others the last one before the global pooling.

    Returns:
        float32 [B, H, W] in [0, 1]; all zero where nothing raised the score. Maps of different images cannot be
        compared in strength; see `raw_maps`.

    Raises:
        ModelError: an unknown method, no such layer, or one whose output is not [B, h, w, channels].

    Reference:
        Jiang et al., LayerCAM, IEEE Transactions on Image Processing 30 (2021) 5875-5888; Selvaraju et al., ICCV 2017;
        Chattopadhay et al., WACV 2018; Zeiler and Fergus, ECCV 2014.
    """
    return _normalise(raw_maps(model, images, class_index, method, layer))


def raw_maps(
    model: Any, images: np.ndarray, class_index: np.ndarray, method: str = METHODS[0], layer: str | None = None
) -> np.ndarray:
    """The maps before any scaling, float32 [B, H, W], at least 0: maps of one model and method can be compared.

    Args and errors are those of `heat_maps`. Units: of the logit (first-order contributions) for gradients, of the
    probability for occlusion.
    """
    return answers_and_raw_maps(model, images, class_index, method, layer)[1]


def answers_and_raw_maps(
    model: Any,
    images: np.ndarray,
    class_index: np.ndarray | int | None,
    method: str = METHODS[0],
    layer: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The logits, float64 [B, classes], and `raw_maps` of them, from one pass of the network.

    Args:
        class_index: the class that the maps are of, or one for each image; None: of each image the one with the
            greatest logit.
    """
    if method not in METHODS:
        raise ModelError(f"heat map: method {method!r} is not one of {', '.join(METHODS)}")
    if len(images) == 0 or method == "occlusion":
        logits = np.asarray(model(images, training=False), dtype=np.float64)
        chosen = _chosen(logits, class_index)
        maps = _falls(model, images, chosen) if len(images) else np.zeros(images.shape[:3], np.float32)
        return logits, maps
    fine = layer is None and method == "layercam"
    probe = probe_of(model, fine_layer(model) if fine else layer or FEATURES)
    found = []
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        index = class_index[part] if isinstance(class_index, np.ndarray) else class_index
        found.append(_gradient_maps(probe, images[part], index, method))
    logits, cells = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return logits, smoothed(cells, images.shape[1:3]) if fine else _enlarge(cells, images.shape[1:3])


def smoothed(cells: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Maps of a fine layer, float32 [B, h, w], as large as the images and blurred by half a cell: [B, *size]."""
    sigma_px = _SMOOTH_CELLS * size[0] / cells.shape[1]
    blurred = [
        cv2.GaussianBlur(each, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101) for each in _enlarge(cells, size)
    ]
    return np.stack(blurred)


def default_method(model: Any) -> str:
    """The method that scripts/bench_explain.py found best: layercam, or gradcam of a graph for deployment."""
    return "gradcam" if any(isinstance(each, Planned) for each in model.layers) else "layercam"


def fine_layer(model: Any, stride: int = FINE_STRIDE) -> str:
    """The deepest layer that has a cell for every `stride` pixels and that everything goes through.

    Beside the layers of a branch there is another way to the logits, so that a map of them would be half a map.

    Raises:
        ModelError: a graph for deployment, which has no layers to ask for.
    """
    if any(isinstance(each, Planned) for each in model.layers):
        raise ModelError(
            "heat map: layercam needs the trained network (model.keras); take gradcam for a deployed graph"
        )
    steps = model.operations  # the layers, and what networks of keras.applications compute between layers
    place = {id(tensor): number for number, each in enumerate(steps) for tensor in _as_list(each.output)}
    side, oldest = int(model.inputs[0].shape[1]), len(steps)
    for number in range(len(steps) - 1, 0, -1):
        each, outputs = steps[number], _as_list(steps[number].output)
        cells = outputs[0].shape[1] if len(outputs[0].shape) == 4 else 0
        layer = isinstance(each, keras.layers.Layer)
        padding = isinstance(each, keras.layers.ZeroPadding2D)  # its border is no part of the image
        if oldest >= number and len(outputs) == 1 and layer and not padding and cells * stride >= side:
            return str(each.name)
        oldest = min([oldest, *(place[id(tensor)] for tensor in _as_list(each.input))])
    return FEATURES


def _as_list(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def occlusion_maps(
    model: Any, images: np.ndarray, class_index: np.ndarray, patch_px: int | None = None, stride_px: int | None = None
) -> np.ndarray:
    """Fall of the class's probability while a patch of the image's mean grey hides a place.

    Args:
        patch_px: side of the patch; None: an eighth of the image.
        stride_px: step between patches; None: half a patch.

    Returns:
        float32 [B, H, W] in [0, 1], as `heat_maps`; a pixel has the mean over the patches that hid it.
    """
    return _normalise(_falls(model, images, class_index, patch_px, stride_px))


def _falls(
    model: Any, images: np.ndarray, class_index: np.ndarray, patch_px: int | None = None, stride_px: int | None = None
) -> np.ndarray:
    patch = patch_px or max(2, images.shape[1] // 8)
    stride = stride_px or max(1, patch // 2)
    ask = _probabilities(model)
    falls = [_occlude(ask, image, int(index), patch, stride) for image, index in zip(images, class_index, strict=True)]
    return np.stack(falls).astype(np.float32)


def probe_of(model: Any, layer: str) -> Probe:
    """What gives the activations of a layer beside the logits.

    Raises:
        ModelError: no such layer, or one whose output is not [B, h, w, channels].
    """
    planned = [each for each in model.layers if isinstance(each, Planned)]
    if planned:  # the graph that is deployed has no layers to ask for
        return planned[0].with_features
    layer = features_layer(model) if layer == FEATURES else layer
    names = [each.name for each in model.layers]
    if layer not in names:
        raise ModelError(f"heat map: the model {model.name!r} has no layer {layer!r}; its last are {names[-5:]}")
    features = model.get_layer(layer).output
    if len(features.shape) != 4:
        raise ModelError(f"heat map: layer {layer!r} gives {features.shape}, expected [batch, height, width, channels]")
    both = keras.Model(model.inputs, [features, model.output])
    return lambda images: both(images, training=False)


def _gradient_maps(
    probe: Probe, images: np.ndarray, class_index: np.ndarray | int | None, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Logits float64 [B, classes] and maps [B, h, w]."""
    index = None if class_index is None else np.broadcast_to(class_index, (len(images),))
    answers, features, slopes = class_gradient(probe, tf.constant(images, tf.float32), index)
    logits = answers.numpy().astype(np.float64)
    if method == "layercam":
        return logits, layercam(features, slopes).numpy()
    activations, gradient = features.numpy(), slopes.numpy()
    weights = _channel_weights(activations, gradient) if method == "gradcam++" else gradient.mean(axis=(1, 2))
    return logits, np.maximum(np.einsum("bhwc,bc->bhw", activations, weights), 0)


def _chosen(logits: np.ndarray, class_index: np.ndarray | int | None) -> np.ndarray:
    if class_index is None:
        return logits.argmax(axis=1)
    return class_index if isinstance(class_index, np.ndarray) else np.full(len(logits), class_index)


def _channel_weights(activations: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    # eqs. 10-19 of Grad-CAM++ for a score that is the exponential of the logit: its higher derivatives
    # are powers of the logit's gradient, and the exponential itself cancels in alpha.
    square, cube = gradient**2, gradient**3
    total = activations.sum(axis=(1, 2), keepdims=True)
    denominator = 2 * square + total * cube
    alpha = np.divide(square, denominator, out=np.zeros_like(square), where=denominator != 0)
    return (alpha * np.maximum(gradient, 0)).sum(axis=(1, 2))


def _occlude(ask: _Ask, image: np.ndarray, index: int, patch: int, stride: int) -> np.ndarray:
    corners = [
        (top, left) for top in _starts(image.shape[0], patch, stride) for left in _starts(image.shape[1], patch, stride)
    ]
    clear = ask(image[None])[0, index]
    fall, seen = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    for start in range(0, len(corners), _BATCH):
        some = corners[start : start + _BATCH]
        hidden = np.repeat(image[None], len(some), axis=0)
        for copy, (top, left) in zip(hidden, some, strict=True):
            copy[top : top + patch, left : left + patch] = image.mean()
        for (top, left), probability in zip(some, ask(hidden)[:, index], strict=True):
            fall[top : top + patch, left : left + patch] += clear - probability
            seen[top : top + patch, left : left + patch] += 1
    return np.maximum(fall / seen, 0)


def _starts(side: int, patch: int, stride: int) -> list[int]:
    last = max(0, side - patch)
    return sorted({*range(0, last + 1, stride), last})


def _probabilities(model: Any) -> _Ask:
    """Images [B, H, W, 1] → probabilities."""
    logits = forward(model)
    return lambda images: tf.nn.softmax(tf.cast(logits(tf.constant(images, tf.float32)), tf.float32)).numpy()


def _enlarge(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return np.stack([cv2.resize(each, size[::-1], interpolation=cv2.INTER_LINEAR) for each in maps])


def _normalise(maps: np.ndarray) -> np.ndarray:
    peak = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, peak, out=np.zeros_like(maps), where=peak > 0).astype(np.float32)

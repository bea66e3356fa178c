"""Where the network looked: Grad-CAM, Grad-CAM++ and occlusion.

A map says what raised the score, not what is ill; it is a check on the network, no finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf

from keras_cwp.errors import ModelError
from keras_cwp.models.deploy import Planned
from keras_cwp.models.probed import features_layer

FEATURES = "features"  # the layer before the global pooling in every network of models/
METHODS = ("gradcam", "gradcam++", "occlusion")
_BATCH = 32  # images whose activations and gradients are held at once


def heat_maps(
    model: Any, images: np.ndarray, class_index: np.ndarray, method: str = "gradcam", layer: str = FEATURES
) -> np.ndarray:
    """Map of what speaks for a class, one for each image.

    Args:
        model: float32 [B, H, W, 1] in [0, 1] → logits [B, classes]; as trained, or what `deploy` made of it.
        images: float32 [B, H, W, 1] in [0, 1].
        class_index: int [B]; the class that each map is of.
        method: `gradcam` (weights: mean gradient of a channel), `gradcam++` (positive gradients, weighted per
            position, so that several small opacities count alike), or `occlusion` (fall of the class's
            probability under a grey patch; slow, and the only one that does not need gradients).
        layer: layer whose activations [B, h, w, channels] the first two read.

    Returns:
        float32 [B, H, W] in [0, 1]; each map divided by its own largest value, all zero where nothing
        speaks for the class. Maps of different images cannot be compared in strength.

    Raises:
        ModelError: an unknown method, no such layer, or one whose output is not [B, h, w, channels].

    Reference:
        Selvaraju et al., ICCV 2017; Chattopadhay et al., WACV 2018; Zeiler and Fergus, ECCV 2014.
    """
    if method not in METHODS:
        raise ModelError(f"heat map: method {method!r} is not one of {', '.join(METHODS)}")
    if len(images) == 0:
        return np.zeros(images.shape[:3], np.float32)
    if method == "occlusion":
        return occlusion_maps(model, images, class_index)
    probe = _probe(model, layer)
    maps = [
        _gradient_maps(probe, images[start : start + _BATCH], class_index[start : start + _BATCH], method)
        for start in range(0, len(images), _BATCH)
    ]
    return _normalise(_enlarge(np.concatenate(maps), images.shape[1:3]))


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
    patch = patch_px or max(2, images.shape[1] // 8)
    stride = stride_px or max(1, patch // 2)
    return _normalise(
        np.stack(
            [
                _occlude(model, image, int(index), patch, stride)
                for image, index in zip(images, class_index, strict=True)
            ]
        )
    )


def _probe(model: Any, layer: str) -> Callable[[Any], tuple[Any, Any]]:
    """A function images → (activations, logits)."""
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
    probe: Callable[[Any], tuple[Any, Any]], images: np.ndarray, class_index: np.ndarray, method: str
) -> np.ndarray:
    pixels = tf.constant(images, tf.float32)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(pixels)  # so that frozen networks are recorded too
        features, logits = probe(pixels)
        score = tf.gather(logits, tf.constant(class_index, tf.int32), batch_dims=1)
    gradient = tf.cast(tape.gradient(score, features), tf.float32).numpy()
    activations = tf.cast(features, tf.float32).numpy()
    weights = _channel_weights(activations, gradient) if method == "gradcam++" else gradient.mean(axis=(1, 2))
    return np.maximum(np.einsum("bhwc,bc->bhw", activations, weights), 0)


def _channel_weights(activations: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    # eqs. 10-19 of Grad-CAM++ for a score that is the exponential of the logit: its higher derivatives
    # are powers of the logit's gradient, and the exponential itself cancels in alpha.
    square, cube = gradient**2, gradient**3
    total = activations.sum(axis=(1, 2), keepdims=True)
    denominator = 2 * square + total * cube
    alpha = np.divide(square, denominator, out=np.zeros_like(square), where=denominator != 0)
    return (alpha * np.maximum(gradient, 0)).sum(axis=(1, 2))


def _occlude(model: Any, image: np.ndarray, index: int, patch: int, stride: int) -> np.ndarray:
    corners = [
        (top, left) for top in _starts(image.shape[0], patch, stride) for left in _starts(image.shape[1], patch, stride)
    ]
    clear = _probability(model, image[None], index)[0]
    fall, seen = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    for start in range(0, len(corners), _BATCH):
        some = corners[start : start + _BATCH]
        hidden = np.repeat(image[None], len(some), axis=0)
        for copy, (top, left) in zip(hidden, some, strict=True):
            copy[top : top + patch, left : left + patch] = image.mean()
        for (top, left), probability in zip(some, _probability(model, hidden, index), strict=True):
            fall[top : top + patch, left : left + patch] += clear - probability
            seen[top : top + patch, left : left + patch] += 1
    return np.maximum(fall / seen, 0)


def _starts(side: int, patch: int, stride: int) -> list[int]:
    last = max(0, side - patch)
    return sorted({*range(0, last + 1, stride), last})


def _probability(model: Any, images: np.ndarray, index: int) -> np.ndarray:
    logits = tf.cast(model(tf.constant(images, tf.float32), training=False), tf.float32)
    return tf.nn.softmax(logits)[:, index].numpy()


def _enlarge(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return np.stack([cv2.resize(each, size[::-1], interpolation=cv2.INTER_LINEAR) for each in maps])


def _normalise(maps: np.ndarray) -> np.ndarray:
    peak = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, peak, out=np.zeros_like(maps), where=peak > 0).astype(np.float32)

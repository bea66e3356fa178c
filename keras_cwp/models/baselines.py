"""The networks of keras.applications that the paper compares with, on grey radiographs in [0, 1]."""

from __future__ import annotations

import inspect
from pathlib import Path

import keras

from keras_cwp.errors import ModelError
from keras_cwp.layers.scaling import Scaling
from keras_cwp.models.presets import BaselinePreset
from keras_cwp.models.shufflenet import FEATURES, head


def baseline(
    preset: BaselinePreset,
    name: str,
    classes: int,
    image_size: int,
    *,
    dropout: float = 0.0,
    weights: str | None = None,
) -> keras.Model:
    """Build it; the grey plane is repeated and scaled as its published weights expect.

    Args:
        preset: which.
        name: of the model.
        classes: logits it gives.
        image_size: side of the input, pixels.
        dropout: share of features dropped before the head, in training.
        weights: imagenet (Keras downloads them), a .weights.h5 of the same network and classes, or None.

    Shape:
        [batch, image_size, image_size, 1] in [0, 1] → logits [batch, classes] float32.

    Raises:
        ModelError: the image is too small, or the weights cannot be had.
    """
    if image_size < preset.smallest_px:
        raise ModelError(f"model.arch {name}: needs images of {preset.smallest_px} px or more, got {image_size}")
    image = keras.Input((image_size, image_size, 1), name="image")
    planes = Scaling(preset.mean, preset.std, name="scaling")(image)
    body = _body(preset, planes, "imagenet" if weights == "imagenet" else None)
    features = keras.layers.Activation("linear", name=FEATURES)(body.output)
    model = keras.Model(image, head(features, classes, dropout), name=name)
    if weights not in (None, "imagenet"):
        _load(model, Path(str(weights)))
    return model


def _body(preset: BaselinePreset, planes: keras.KerasTensor, weights: str | None) -> keras.Model:
    application = getattr(keras.applications, preset.application)
    # ours is in the model already
    options = {"include_preprocessing": False}
    options = options if "include_preprocessing" in inspect.signature(application).parameters else {}
    try:
        body: keras.Model = application(include_top=False, weights=weights, input_tensor=planes, **options)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        if weights is None:
            raise
        raise ModelError(
            f"model.weights: Keras cannot download the ImageNet weights of {preset.application}: {error}; "
            f"put the file that it names into {Path.home() / '.keras' / 'models'}"
        ) from None
    return body


def _load(model: keras.Model, path: Path) -> None:
    try:
        model.load_weights(path)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"model.weights {path}: not weights of {model.name} with these classes: {reason}") from None

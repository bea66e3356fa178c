"""A policy carried out: the layer draws for a batch, then applies, in the training step or in tf.data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_cwp.augment.draw import Draw, draw_factors
from keras_cwp.augment.geometry import central_slice, matrices, project
from keras_cwp.augment.intensity import adjust_exposure_contrast, adjust_gamma
from keras_cwp.augment.operations import OPERATIONS
from keras_cwp.augment.schema import Policy, load_policy

__all__ = ["Augment", "Policy", "load_policy"]


@keras.saving.register_keras_serializable("keras_cwp")
class Augment(keras.layers.Layer):
    """Crops with margin → the network's view, augmented while training.

    Args:
        policy: a name of policies.yaml, a YAML file, a mapping or a Policy.
        image_size: side of the view, pixels.
        margin: pixels of the crop beyond the view, on each side.
        seed: of the draws; None: another each time.

    Shape:
        [batch, image_size + 2 margin, image_size + 2 margin, 1], 0 to 1 → [batch, image_size, image_size, 1], 0 to 1.
        With `training=False` exactly the central slice.

    All randomness derives from `seed_generator.state`: restore it, and the draws go on where they stopped.
    `magnitude` (a variable, 0 to 1) scales every range; a callback may raise it over epochs.
    """

    def __init__(
        self,
        policy: str | Mapping[str, Any] | Policy,
        image_size: int,
        margin: int,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # places in a crop need float32, whatever the network computes in
        if image_size < 1 or margin < 0:
            raise ValueError(
                f"Augment: image_size must be positive and margin not negative, got {image_size}, {margin}"
            )
        self.policy = policy
        self.image_size = image_size
        self.margin = margin
        self.seed = seed
        self._resolved = load_policy(policy)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.magnitude = self.add_weight(
            shape=(), initializer="ones", trainable=False, dtype="float32", name="magnitude"
        )
        self.built = True

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return tf.cast(central_slice(images, self.image_size, self.margin), self.compute_dtype)
        draw = self.draw(tf.shape(images)[0], self.seed_generator.next())
        return self.apply(images, draw)

    def draw(self, batch: Any, seed: tf.Tensor) -> Draw:
        """Factors for a batch, from a seed [2]."""
        return draw_factors(self._resolved, batch, seed, tf.convert_to_tensor(self.magnitude))

    def apply(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        """The same draw gives the same pixels, wherever it is applied."""
        images = tf.cast(images, tf.float32)
        images = self._view(images, draw)
        if "exposure" in draw or "contrast" in draw:
            one = tf.ones(tf.shape(images)[:1])
            images = adjust_exposure_contrast(images, draw.get("exposure", 0 * one), draw.get("contrast", one))
        if "gamma" in draw:
            images = adjust_gamma(images, draw["gamma"])
        return tf.cast(tf.clip_by_value(images, 0.0, 1.0), self.compute_dtype)

    def _view(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        if not any(OPERATIONS[name].stage == "geometry" for name in draw):
            return central_slice(images, self.image_size, self.margin)
        matrix = matrices(draw, tf.shape(images)[0], self.image_size, self.margin, self._resolved.keep)
        return project(images, matrix, self.image_size, self._resolved.fill)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.image_size, self.image_size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        policy = self.policy.model_dump(mode="json") if isinstance(self.policy, Policy) else self.policy
        own = {"policy": policy, "image_size": self.image_size, "margin": self.margin, "seed": self.seed}
        return {**super().get_config(), **own}

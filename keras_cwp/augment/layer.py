"""A policy carried out: the layer draws for a batch, then applies, in the training step or in tf.data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import keras
import tensorflow as tf

from keras_cwp.augment.apply import apply_draw
from keras_cwp.augment.draw import Draw, draw_policy
from keras_cwp.augment.geometry import central_slice
from keras_cwp.augment.mixing import draw_mix, mix
from keras_cwp.augment.policy import Policy, load_policy

__all__ = ["Augment", "Policy", "load_policy"]


@keras.saving.register_keras_serializable("keras_cwp")
class Augment(keras.layers.Layer):
    """Crops with margin → the network's view, augmented while training.

    Args:
        policy: a name of policies.yaml, a YAML file, a mapping or a Policy.
        image_size: side of the view, pixels.
        margin: pixels of the crop beyond the view, on each side.
        seed: of the draws; None: another each time.
        jit_compile: let XLA fuse the application into few loops, on a CPU too, where it is four times as fast
            as one operation after another; takes seconds once for each shape of batch.

    Shape:
        [batch, image_size + 2 margin, image_size + 2 margin, 1], 0 to 1 → [batch, image_size, image_size, 1], 0 to 1.
        With `training=False` exactly the central slice.

    All randomness derives from `seed_generator.state`: restore it, and the draws go on where they stopped.
    `magnitude` (a variable, 0 to 1) scales every range; `MagnitudeRamp` raises it over epochs.
    """

    def __init__(
        self,
        policy: str | Mapping[str, Any] | Policy,
        image_size: int,
        margin: int,
        seed: int | None = None,
        jit_compile: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # places in a crop need float32, whatever the network computes in
        if image_size < 1 or margin < 0:
            raise ValueError(
                f"Augment: image_size must be positive and margin not negative, got {image_size} and {margin}"
            )
        self.policy = policy
        self.image_size = image_size
        self.margin = margin
        self.seed = seed
        self.jit_compile = jit_compile
        self._resolved = load_policy(policy)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._pixels = _compiled(self._resolved.model_dump_json(), image_size, margin) if jit_compile else self._plain
        # Its one variable has a fixed shape; made now, it is there when a state is restored before the first call.
        self.build((None, image_size + 2 * margin, image_size + 2 * margin, 1))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.magnitude = self.add_weight(
            shape=(), initializer="ones", trainable=False, dtype="float32", name="magnitude"
        )

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return tf.cast(central_slice(images, self.image_size, self.margin), self.compute_dtype)
        draw = self.draw(tf.shape(images)[0], self.seed_generator.next())
        return self.apply(images, draw)

    def draw(self, batch: Any, seed: tf.Tensor, magnitude: Any = None) -> Draw:
        """Everything random about a batch, from a seed [2]."""
        magnitude = tf.convert_to_tensor(self.magnitude) if magnitude is None else magnitude
        return draw_policy(self._resolved, batch, self.image_size, seed, magnitude)

    def apply(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        """The same draw gives the same pixels, wherever it is applied."""
        return tf.cast(self._pixels(images, draw), self.compute_dtype)

    def mix(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor | None = None,
        patients: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Mix what `call` returned, as the policy says; images and labels unchanged if it does not.

        Args:
            labels: float [batch, classes].
            weights: float [batch]; None: 1.
            patients: int [batch], needed if the policy forbids mixing within a patient.
            seed: [2]; None: that of the step, which `call` has advanced.

        Returns:
            images, labels, weights; see mixing.mix.

        Raises:
            ValueError: the policy forbids mixing within a patient and `patients` is None.
        """
        mixing = self._resolved.mixing
        if not mixing.mixup_alpha and not mixing.cutmix_alpha:
            return images, labels, tf.ones(tf.shape(labels)[:1], labels.dtype) if weights is None else weights
        if not mixing.same_patient and patients is None:
            raise ValueError("Augment.mix: the policy has mixing.same_patient false, so it needs `patients`")
        seed = tf.convert_to_tensor(self.seed_generator.state) if seed is None else seed
        draw = draw_mix(mixing, tf.shape(images)[0], seed)
        return mix(images, labels, weights, draw, None if mixing.same_patient else patients)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.image_size, self.image_size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        policy = self.policy.model_dump(mode="json") if isinstance(self.policy, Policy) else self.policy
        own = {"policy": policy, "image_size": self.image_size, "margin": self.margin, "seed": self.seed}
        return {**super().get_config(), **own, "jit_compile": self.jit_compile}

    def _plain(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        return apply_draw(images, draw, self._resolved, self.image_size, self.margin)


@cache
def _compiled(policy_json: str, image_size: int, margin: int) -> Callable[[tf.Tensor, Draw], tf.Tensor]:
    """apply_draw as one XLA program, shared by all layers alike: the folds of cv compile once."""
    policy = Policy.model_validate_json(policy_json)

    def pixels(images: tf.Tensor, draw: Draw) -> tf.Tensor:
        return apply_draw(images, draw, policy, image_size, margin)

    return tf.function(pixels, jit_compile=True, autograph=False)


def ramp(epoch: int, epochs: int) -> float:
    """Magnitude of an epoch (0 the first): rises evenly, full from the `epochs`-th on; 0 epochs: always full."""
    return 1.0 if epochs == 0 else min(1.0, (epoch + 1) / epochs)


class MagnitudeRamp(keras.callbacks.Callback):
    """Sets a layer's magnitude as each epoch begins. It knows the epoch only, so a resumed run needs no state."""

    def __init__(self, layer: Augment, epochs: int) -> None:
        super().__init__()
        if epochs < 0:
            raise ValueError(f"MagnitudeRamp: epochs must not be negative, got {epochs}")
        self.layer = layer
        self.epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.layer.magnitude.assign(ramp(epoch, self.epochs))

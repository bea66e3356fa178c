"""Batch normalisation by one fused kernel."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_cwp")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' BatchNormalization, number for number, through TensorFlow's FusedBatchNormV3 where that applies.

    Keras writes the training step out in elementwise operations, the largest cost of a small network on a CPU.
    The fused kernel is used on the TensorFlow backend for rank 4, channels last, without mask, renorm or
    synchronisation; Keras' own code runs otherwise.

    Reference:
        Ioffe and Szegedy, Batch normalization, ICML 2015.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not self._fits(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            return self._train(inputs)
        return self._fused(inputs, self.moving_mean, self.moving_variance, is_training=False)[0]

    def _fits(self, inputs: Any, mask: Any) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and mask is None
            and not getattr(self, "renorm", False)  # an argument of Keras since 3.13
            and not self.synchronized
            and keras.backend.standardize_dtype(inputs.dtype) in ("float16", "bfloat16", "float32")
        )

    def _train(self, inputs: Any) -> Any:
        nothing = ops.zeros((0,), "float32")
        outputs, mean, variance = self._fused(inputs, nothing, nothing, is_training=True)
        # the kernel's variance divides by n - 1, Keras' by n
        count = ops.cast(ops.prod(ops.shape(inputs)[:3]), "float32")
        variance = variance * ((count - 1) / count)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs

    def _fused(self, inputs: Any, mean: Any, variance: Any, *, is_training: bool) -> tuple[Any, Any, Any]:
        import tensorflow as tf

        channels = inputs.shape[-1]
        scale = ops.cast(self.gamma, "float32") if self.scale else ops.ones((channels,), "float32")
        offset = ops.cast(self.beta, "float32") if self.center else ops.zeros((channels,), "float32")
        fused = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=scale,
            offset=offset,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=is_training,
        )
        return ops.cast(fused.y, self.compute_dtype), fused.batch_mean, fused.batch_variance

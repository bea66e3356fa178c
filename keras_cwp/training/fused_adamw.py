"""AdamW by one kernel a variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable("keras_cwp")
class FusedAdamW(keras.optimizers.AdamW):
    """Keras' AdamW up to rounding, through TensorFlow's ResourceApplyAdam where that applies.

    Keras writes the update of each variable out in some thirty operations, which takes longer to trace than the
    network itself. The kernel is used on the TensorFlow backend in one replica, without AMSGrad; Keras' own code runs
    otherwise.

    Reference:
        Loshchilov and Hutter, Decoupled weight decay regularization, arXiv 1711.05101.
    """

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        if not self._fits(trainable_variables):
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        import tensorflow as tf

        step = tf.cast(self.iterations + 1, tf.float32)
        common = {
            "beta1_power": tf.pow(self.beta_1, step),
            "beta2_power": tf.pow(self.beta_2, step),
            "lr": tf.cast(learning_rate, tf.float32),
            "beta1": self.beta_1,
            "beta2": self.beta_2,
            "epsilon": self.epsilon,
        }
        for grad, variable in zip(grads, trainable_variables, strict=True):
            place = self._get_variable_index(variable)
            moments = {"m": self._momentums[place].value.handle, "v": self._velocities[place].value.handle}
            tf.raw_ops.ResourceApplyAdam(var=variable.value.handle, grad=grad, **moments, **common)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        if self.weight_decay is None or not self._fits(variables):
            super()._apply_weight_decay(variables)
            return
        share = keras.ops.cast(self.learning_rate, "float32") * self.weight_decay
        for variable in variables:
            if self._use_weight_decay(variable):
                variable.value.assign_sub(variable.value * share)

    def _fits(self, variables: Sequence[Any]) -> bool:
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            return False
        import tensorflow as tf

        return not tf.distribute.has_strategy() and all(variable.dtype == "float32" for variable in variables)

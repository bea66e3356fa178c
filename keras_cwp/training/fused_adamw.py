"""AdamW by one kernel a variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable("keras_cwp")
class FusedAdamW(keras.optimizers.AdamW):
    """Keras' AdamW up to rounding, through TensorFlow's ResourceApplyAdam where that applies; rates by variable.

    Keras writes the update of each variable out in some thirty operations, which takes longer to trace than the
    network itself. The kernel is used on the TensorFlow backend in one replica, without AMSGrad; Keras' own code runs
    otherwise.

    Reference:
        Loshchilov and Hutter, Decoupled weight decay regularization, arXiv 1711.05101.
    """

    def scale_rates(self, shares: Mapping[str, float]) -> None:
        """Train some variables slower than others.

        Args:
            shares: path of a variable → its learning rate as a share of the optimizer's; 1 for those not named. Weight
                decay is scaled with the rate, except under a distribution strategy.
        """
        self._shares: dict[str, float] | None = dict(shares)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(gradient, variable, learning_rate * self._share(variable))

    def _share(self, variable: Any) -> float:
        shares = getattr(self, "_shares", None)
        if shares is None:
            return 1.0
        own = self._trainable_variables[self._get_variable_index(variable)]  # Keras may give the backend's variable
        return shares.get(own.path, 1.0)

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
            "beta1": self.beta_1,
            "beta2": self.beta_2,
            "epsilon": self.epsilon,
        }
        rate = tf.cast(learning_rate, tf.float32)
        for grad, variable in zip(grads, trainable_variables, strict=True):
            place = self._get_variable_index(variable)
            share = self._share(variable)
            moments = {"m": self._momentums[place].value.handle, "v": self._velocities[place].value.handle}
            tf.raw_ops.ResourceApplyAdam(var=variable.value.handle, grad=grad, lr=share * rate, **moments, **common)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        if self.weight_decay is None or _distributed():
            super()._apply_weight_decay(variables)
            return
        rate = keras.ops.cast(self.learning_rate, "float32") * self.weight_decay
        for variable in variables:
            if self._use_weight_decay(variable):
                variable.assign_sub(variable * keras.ops.cast(rate * self._share(variable), variable.dtype))

    def _fits(self, variables: Sequence[Any]) -> bool:
        if keras.backend.backend() != "tensorflow" or self.amsgrad or _distributed():
            return False
        return all(variable.dtype == "float32" for variable in variables)


def _distributed() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.distribute.has_strategy())

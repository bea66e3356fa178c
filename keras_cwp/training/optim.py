"""The optimizer and its learning-rate schedule."""

from __future__ import annotations

import keras

from keras_cwp.config import TrainConfig


def learning_rate_schedule(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.schedules.CosineDecay:
    """Linear warm-up to the peak, then half a cosine to zero at the last step.

    Reference: Loshchilov and Hutter, SGDR, arXiv 1608.03983 (one cycle, no restart).
    """
    steps = config.epochs * steps_per_epoch
    warmup = min(round(config.warmup_epochs * steps_per_epoch), steps - 1)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        decay_steps=steps - warmup,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def make_optimizer(config: TrainConfig, network: keras.Model, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """AdamW whose weight decay leaves biases, normalisation gains and ECA kernels alone.

    Reference: Loshchilov and Hutter, Decoupled weight decay regularization, arXiv 1711.05101.
    """
    optimizer = keras.optimizers.AdamW(
        learning_rate_schedule(config, steps_per_epoch), weight_decay=config.weight_decay, epsilon=1e-7
    )
    spared = [v for v in network.trainable_variables if len(v.shape) < 2 or "eca" in v.path]
    optimizer.exclude_from_weight_decay(var_list=spared)
    return optimizer

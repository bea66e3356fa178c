"""The optimizer and its learning-rate schedule."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_cwp.config import TrainConfig
from keras_cwp.models.stages import stage_layers
from keras_cwp.training.fused_adamw import FusedAdamW


@keras.saving.register_keras_serializable(package="keras_cwp")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from zero to the peak, then half a cosine to zero at the last step.

    Keras' CosineDecay says the same with a conditional, which weight decay repeats in the graph for each variable;
    this one is arithmetic alone.

    Args:
        peak: highest rate.
        warmup_steps, steps: of the rise, and in all.

    Raises:
        ValueError: not 0 ≤ warmup_steps < steps.

    Reference: Loshchilov and Hutter, SGDR, arXiv 1608.03983 (one cycle, no restart).
    """

    def __init__(self, peak: float, warmup_steps: int, steps: int) -> None:
        if not 0 <= warmup_steps < steps:
            raise ValueError(f"WarmupCosine: warmup_steps must be from 0 to below {steps}, got {warmup_steps}")
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        rise = ops.minimum(step / max(self.warmup_steps, 1), 1.0) if self.warmup_steps else 1.0
        done = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        return self.peak * rise * 0.5 * (1 + ops.cos(math.pi * ops.clip(done, 0.0, 1.0)))

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "steps": self.steps}


def learning_rate_schedule(config: TrainConfig, steps_per_epoch: int) -> WarmupCosine:
    """The schedule of a training; at least one step is left to fall."""
    steps = config.epochs * steps_per_epoch
    return WarmupCosine(config.learning_rate, min(round(config.warmup_epochs * steps_per_epoch), steps - 1), steps)


def make_optimizer(config: TrainConfig, network: keras.Model, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """AdamW whose weight decay leaves biases, normalisation gains and ECA kernels alone.

    Reference: Loshchilov and Hutter, Decoupled weight decay regularization, arXiv 1711.05101.
    """
    optimizer = FusedAdamW(
        learning_rate_schedule(config, steps_per_epoch), weight_decay=config.weight_decay, epsilon=1e-7
    )
    spared = [v for v in network.trainable_variables if len(v.shape) < 2 or "eca" in v.path]
    optimizer.exclude_from_weight_decay(var_list=spared)
    if config.layer_decay < 1:
        optimizer.scale_rates(_rate_shares(network, config.layer_decay))
    return optimizer


def _rate_shares(network: keras.Model, decay: float) -> dict[str, float]:
    """Path of each variable → its learning rate as a share of the head's: `decay` once for each stage in between."""
    taps = {layer.name for layer in stage_layers(network)}
    stages_left = len(taps)
    shares = {}
    for layer in network.layers:
        for variable in layer.trainable_variables:
            shares[variable.path] = decay**stages_left
        stages_left -= layer.name in taps
    return shares

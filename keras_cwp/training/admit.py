"""The guards before a training: the data set's own geometry counts, and leaks are refused."""

from __future__ import annotations

from collections.abc import Callable, Collection

from keras_cwp.audit.checks import refuse_leaks
from keras_cwp.config import Config, TrainConfig
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError
from keras_cwp.training.staging_guard import check_staging
from keras_cwp.training.targets import check_targets

_GEOMETRY = ("image_size", "context", "square", "spacing_mm", "voi", "window", "link_duplicates")
_EPOCHS, _LEAST_STEPS = 40, 200  # of the schedule by steps: few ROIs are seen more often, until the steps are enough
_WARMUP_LIMIT, _AVERAGED = 0.1, 0.1  # warm-up, and steps that the moving average spans, as shares of all steps
_WARMUP_SHARE = 0.5  # of the training steps: a longer warm-up leaves the learning rate hardly a descent


def admit(
    data: PreparedData, config: Config, stated: Collection[str] = (), note: Callable[[str], None] = lambda _: None
) -> Config:
    """Check a data set and a configuration before anything is trained or written.

    Args:
        stated: keys that the user gave for this very training, such as `data.image_size` by --set. The data set was
            prepared with one geometry; a stated key that differs is refused, and one from a configuration file or
            a default gives way with a note.
        note: gets one line for each key that gives way.

    Returns:
        The configuration with the `data` section that the crops were made by.

    Raises:
        ConfigError: a stated key contradicts the data set; or it cannot give the targets or the order that the training
            asks for, or the stages that it states.
        DataError: a radiograph or crop belongs to several patients, or a region has two labels, or patients are to be
            staged and a zone has a strange name.
    """
    adopted = _with_geometry(data, config, stated, note)
    refuse_leaks(data)
    check_targets(data, adopted)
    check_staging(data, adopted)
    if config.train.steps is None:
        return adopted
    epochs = config.train.epochs if "train.epochs" in stated else None
    return adopted.model_copy(update={"train": by_steps(adopted.train, len(data), epochs)})


def by_steps(train: TrainConfig, rois: int, epochs: int | None = None) -> TrainConfig:
    """The schedule of `train.steps`: its epochs, and a warm-up and a moving average that fit into them.

    Args:
        rois: of the data set; a training sees most of them.
        epochs: that count instead of the steps.
    """
    assert train.steps is not None
    an_epoch = -(-rois // train.batch_size)
    if epochs is None and train.steps == "auto":
        epochs = max(_EPOCHS, -(-_LEAST_STEPS // an_epoch))
    elif epochs is None:
        epochs = max(1, round(int(train.steps) / an_epoch))
    steps = epochs * an_epoch
    momentum = train.ema_momentum
    return train.model_copy(
        update={
            "epochs": epochs,
            "warmup_epochs": min(train.warmup_epochs, _WARMUP_LIMIT * epochs),
            "ema_momentum": None if momentum is None else min(momentum, 1 - 1 / max(_AVERAGED * steps, 2)),
        }
    )


def note_short_training(config: Config, rois: int, note: Callable[[str], None]) -> None:
    """Say when a training has too few steps for its warm-up or for the moving average of its weights.

    Args:
        rois: to train on.
    """
    if config.train.mode == "probe":
        return
    steps_an_epoch = -(-rois // config.train.batch_size)
    steps = steps_an_epoch * config.train.epochs
    warmup = config.train.warmup_epochs * steps_an_epoch
    if warmup > _WARMUP_SHARE * steps:
        note(
            f"warning: train.warmup_epochs {config.train.warmup_epochs:g} takes {min(warmup / steps, 1):.0%} of the "
            f"{steps} training steps; train longer or lower it"
        )
    momentum = config.train.ema_momentum
    if momentum is not None and steps < 1 / (1 - momentum):
        note(
            f"warning: train.ema_momentum {momentum:g} averages the weights of about {1 / (1 - momentum):.0f} steps, "
            f"and this training has {steps}; train longer or lower it"
        )


def _with_geometry(data: PreparedData, config: Config, stated: Collection[str], note: Callable[[str], None]) -> Config:
    made_by = {key: data.meta[key] for key in _GEOMETRY if key in data.meta} | {"classes": data.classes}
    for key in sorted(config.data.model_fields_set & made_by.keys()):
        asked = getattr(config.data, key)
        if asked in (None, "auto") or asked == made_by[key]:
            continue
        if f"data.{key}" in stated:
            raise ConfigError(
                f"data.{key}: this command asks for {asked!r}, but {data.path} was prepared with {made_by[key]!r}; "
                f"leave data.{key} out, or prepare the data set again with it"
            )
        note(f"note: data.{key} is {made_by[key]!r}, as {data.path} was prepared; the configuration says {asked!r}")
    return config.model_copy(update={"data": config.data.model_copy(update=made_by)})

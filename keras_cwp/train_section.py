"""The section `train` of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from keras_cwp.schema import Section


class TrainConfig(Section):
    """How the network is trained."""

    mode: Literal["network", "fine_tune", "probe", "ensemble", "auto"] = Field(
        "network",
        description="network: all weights at once; fine_tune: the head first, on features of model.weights; probe: the "
        "head alone; ensemble: mean of fine_tune and an ImageNet probe; auto: patients choose fine_tune or ensemble",
    )
    teacher: str | None = Field(
        None, description="RUN of cv whose networks are learnt from beside the labels; its folds have to be the same"
    )
    ensemble_share: float | None = Field(None, gt=0, lt=1, description="of fine_tune; none: validation patients choose")
    epochs: int = Field(32, ge=1, description="times that training sees every ROI")
    steps: Annotated[int, Field(ge=1)] | Literal["auto"] | None = Field(
        None,
        description="training steps, which set the epochs; auto: 40 epochs and 200 steps at least; none: epochs count",
    )
    batch_size: int = Field(32, ge=1, le=1024, description="ROIs in one training step")
    devices: Annotated[int, Field(ge=1)] | Literal["all"] = Field(
        1, description="GPUs of this machine that share each batch; all: as many as there are"
    )
    learning_rate: float = Field(2e-3, gt=0, description="peak of the schedule, reached after the warm-up")
    warmup_epochs: float = Field(
        1.0, ge=0, description="epochs in which the learning rate rises linearly, before it falls as a cosine"
    )
    weight_decay: float = Field(
        0.05, ge=0, description="AdamW's decoupled decay, on all but biases, gains and ECA kernels"
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="learning rate of a stage, as a share of that of the stage after it; 1: all alike"
    )
    loss: Literal["cross_entropy", "focal", "cumulative"] = Field(
        "cross_entropy",
        description="focal: ROIs classified well count less; cumulative: answers far off in data.ordinal cost more",
    )
    focal_gamma: float = Field(2.0, ge=0, description="exponent of the focal loss; 0: cross-entropy")
    labels: Literal["consensus", "soft"] = Field(
        "consensus", description="soft: with several readers, the share of them who gave each class; for training only"
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="share of each label that is spread evenly over all classes"
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: each class weighs the same in the loss, however many ROIs it has"
    )
    ema_momentum: float | None = Field(0.995, gt=0, lt=1, description="moving average of the weights; none: off")
    early_stopping: int | None = Field(
        None, ge=1, description="epochs without a better validation macro AUC before it ends; none: never"
    )
    mixed_precision: Literal["auto", "on", "off"] = Field(
        "auto", description="compute in 16 bits, keep weights in 32; auto: on a GPU only"
    )
    jit_compile: Literal["auto", "on", "off"] = Field("auto", description="compile with XLA; auto: on a GPU only")
    shuffle_buffer: int = Field(4096, ge=1, description="crops that are mixed with each other")
    threads: int | None = Field(
        None, ge=1, description="threads of one operation; the weights' last digits depend on them; none: all cores"
    )

"""What `train.mode: auto` chose for one network, and why; the note is kept beside the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from keras_cwp.config import Config, ModelConfig
from keras_cwp.training.kept_note import KeptNote

CHOSEN_FILE = "mode.json"


@dataclass(frozen=True)
class Chosen(KeptNote):
    """How one network is trained.

    Args:
        mode: as `train.mode`.
        arch, weights: as in `model`; of an ensemble those of the network that is fine-tuned.
        patients: that the training has; they alone decided.
        reason: in words, with its numbers.
        log_loss: `imagenet` → of the probe of ImageNet features on inner folds, `configured` → of the probe of
            `model.weights`; {} where nothing was compared.
    """

    file: ClassVar[str] = CHOSEN_FILE
    mode_of_note: ClassVar[str] = "auto"

    mode: Literal["fine_tune", "probe", "ensemble"]
    arch: str
    weights: str
    patients: int
    reason: str
    log_loss: Mapping[str, float] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """The training in words, without the path that weights may have."""
        name = Path(self.weights).name
        if self.mode == "fine_tune":
            return f"fine-tuning of {self.arch} from {name}"
        if self.mode == "ensemble":
            return f"ensemble of a probe of ImageNet features and {self.arch}, fine-tuned from {name}"
        features = "ImageNet" if name == "imagenet" else name
        return f"probe of {features} features of {self.arch}"

    @property
    def sentence(self) -> str:
        """The choice with its reason, for one line."""
        return f"train.mode auto: {self.what}; {self.reason}"

    def network(self, model: ModelConfig) -> ModelConfig:
        """The network that is trained, where `model` is configured."""
        return model.model_copy(update={"arch": self.arch, "weights": self.weights})

    def laid_over(self, config: Config) -> Config:
        """The configuration with the choice in the place of `auto`."""
        train = config.train.model_copy(update={"mode": self.mode})
        return config.model_copy(update={"model": self.network(config.model), "train": train})

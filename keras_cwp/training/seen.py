"""Weights that have seen the radiographs of a data set: refused when by training on it, told when by pretraining."""

from __future__ import annotations

import json
from pathlib import Path

from keras_cwp.audit.lookalikes import alike
from keras_cwp.config import Config, ModelConfig
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError
from keras_cwp.models.weight_notes import looks_of

_CONTRACT = "model.json"  # beside each model.keras; see `run.ModelContract`


def refuse_seen(config: Config, data: PreparedData) -> None:
    """Refuse `model.weights` of a network that was trained on this very data set.

    Raises:
        ConfigError: it was, so patients that are now held out may be among those that it learnt from.
    """
    weights = config.model.weights
    path = Path(weights) if weights is not None else None
    if path is None or not path.exists():
        return
    folder = path if path.is_dir() else path.parent
    if _trained_on(folder / _CONTRACT) == data.content_hash:
        raise ConfigError(
            f"model.weights {weights}: that network was trained on {data.path}, the data set of this training; "
            "patients who are held out now may be among those that it learnt from; name weights of other patients"
        )


def radiographs_seen(config: ModelConfig, data: PreparedData) -> int:
    """How many radiographs of a data set look like one that `model.weights` was made from; 0 where a file does not say.

    Raises:
        ModelError: the file of weights cannot be read.
    """
    looks = looks_of(config)
    return len({first for first, _ in alike(own_looks(data), looks)}) if looks else 0


def own_looks(data: PreparedData) -> list[str]:
    """Fingerprints of the radiographs of a data set, each once."""
    return sorted(set(data.manifest.texts("look").tolist()))


def _trained_on(contract: Path) -> str | None:
    try:
        found = json.loads(contract.read_text(encoding="utf-8")).get("data_hash")
    except (OSError, ValueError, AttributeError):
        return None
    return str(found)

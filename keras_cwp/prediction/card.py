"""The model card: what callers and auditors have to know of an exported version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from keras_cwp.data.crops import margin_px
from keras_cwp.errors import RunError
from keras_cwp.training.run import ModelContract, RunFolder
from keras_cwp.version import VERSION

CARD_FILE = "assets.extra/model_card.json"
_ELSEWHERE = ("thresholds", "folds", "delong", "subgroups")  # of metrics.json: named apart, or for the report alone
INTENDED_USE = (
    "Research. It classifies opacities in marked regions of chest radiographs as its training data did; "
    "not for clinical use unless shown to be fit for it."
)


def model_card(run: Path, contract: ModelContract, negative: str, fold: int | None) -> dict[str, Any]:
    """The card as a tree for JSON; what a run does not hold is null.

    Args:
        fold: of a cv run; its figures are of all folds together, not of this model.
    """
    folder = RunFolder(run)
    metrics = _or_none(folder, "metrics")
    return {
        "package": {"keras_cwp": VERSION},
        "exported": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "intended_use": INTENDED_USE,
        "classes": list(contract.classes),
        "negative_class": negative,
        "input": _input(contract),
        "metrics": metrics and {name: value for name, value in metrics.items() if name not in _ELSEWHERE},
        "metrics_are_of": _judged(folder, fold),
        "thresholds": metrics and metrics.get("thresholds"),
        "data_hash": contract.data_hash,
        "config": _config(folder),
        **_networks(folder, fold),
        "environment": _or_none(folder, "environment"),
    }


def _judged(folder: RunFolder, fold: int | None) -> str:
    if fold is not None:
        return f"all folds of the cv run; this is fold {fold}"
    models = len(folder.model_folders())
    if source := (_or_none(folder, "info") or {}).get("figures_of"):
        return f"the cross-validation {Path(source).name}; this network was trained on all its patients afterwards"
    if models == 1:
        return "held-out patients"
    return (
        f"the {models} folds of the cv run, each judged on patients it did not see; this is the mean of their networks"
    )


def _networks(folder: RunFolder, fold: int | None) -> dict[str, list[str]]:
    """How each network was trained, where the configuration does not say: by `train.mode: auto`, as an ensemble."""
    modes, ensembles = folder.chosen_modes(), folder.ensembles()
    said = [each.what for number, each in modes.items() if fold in (None, number)]
    said += [each.sentence for number, each in ensembles.items() if fold in (None, number)]
    return {"networks": said} if said else {}


def contract_of(card: Mapping[str, Any]) -> ModelContract:
    """The contract that a card was written from.

    Raises:
        KeyError: a tree that is no model card.
    """
    given = card["input"]
    return ModelContract(
        classes=tuple(card["classes"]),
        image_size=given["image_size"],
        context=given["context"],
        square=given["square"],
        spacing_mm=given["spacing_mm"],
        data_hash=card["data_hash"],
        views=given.get("views", 1),
        region_share=tuple(share) if (share := given.get("region_share")) else None,
        film_px=given.get("film_px"),
        voi=given.get("voi", "apply"),
        window=given.get("window", 0),
    )


def _input(contract: ModelContract) -> dict[str, Any]:
    return {
        "image_size": contract.image_size,
        "context": contract.context,
        "margin_px": margin_px(contract.image_size, contract.context),
        "square": contract.square,
        "spacing_mm": contract.spacing_mm,
        "channels": 1,
        "range": [0.0, 1.0],
        "bone": "bright",
        "views": contract.views,
        "region_share": contract.region_share,
        "film_px": contract.film_px,
        "voi": contract.voi,
        "window": contract.window,
    }


def _config(folder: RunFolder) -> dict[str, Any] | None:
    try:
        tree = folder.config.model_dump(mode="json")
    except RunError:
        return None
    for section, key in (("model", "weights"), ("train", "teacher")):
        if path := tree[section][key]:
            tree[section][key] = Path(path).name  # the rest of the path belongs to the machine
    return tree


def _or_none(folder: RunFolder, name: str) -> Any:
    try:
        return getattr(folder, name)
    except RunError:
        return None


def versions(folder: Path) -> list[int]:
    """Version numbers that stand in a model's folder, ascending; other names are skipped."""
    if not folder.is_dir():
        return []
    return sorted(int(each.name) for each in folder.iterdir() if each.name.isdecimal() and each.is_dir())

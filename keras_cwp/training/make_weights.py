"""From films to a file of weights: views are drawn, a network is pretrained, weights and their origin are written."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from rich.console import Console

from keras_cwp.config import ModelConfig
from keras_cwp.errors import DataError
from keras_cwp.files import write_bytes
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import write_weights
from keras_cwp.models.presets import PRESETS, LitePreset
from keras_cwp.models.weight_notes import LOOKS
from keras_cwp.training.films import FilmFile, read_films
from keras_cwp.training.pretext import Views, draw_views, phantom_films
from keras_cwp.training.pretrain import HISTORY_FILE, PretrainSettings, claim, pretrain

_VIEWS_FILE = "views.npz"


def make_weights(
    films: Sequence[FilmFile],
    settings: PretrainSettings,
    out: Path,
    console: Console,
    teacher: str | None,
    regions: int,
    phantoms: int,
) -> dict[str, float]:
    """Pretrain and write; the state of what is interrupted lies in a folder beside `out`.

    Args:
        films: those of `FilmFile.held_out` judge, the others are trained on.
        teacher: weights of EfficientNet-Lite0, or a file; None: without.
        regions, phantoms: see `api.pretraining.pretrain`.

    Returns:
        AUC by finding on the films held out; {} where there are too few.

    Raises:
        DataError: every film is held out.
        RunError: the loss diverged, or the folder belongs to another pretraining.
    """
    trained = [film for film in films if not film.held_out]
    if not trained:
        raise DataError(f"--data: {len(films)} radiographs are too few; a small share of them judges, none is left")
    folder = out.with_suffix("")
    origin = {"films": [film.look for film in trained], "regions": regions, "phantoms": phantoms, "teacher": teacher}
    claim(folder, settings, origin)
    views, judged = _views(films, settings, regions, phantoms, folder, console)
    guide = None if teacher is None else _teacher(teacher, settings.image_size)
    network = pretrain(views, settings, folder, console, guide, judged)
    notes = {LOOKS: "\n".join(sorted({film.look for film in trained})), "made_by": "keras-cwp pretrain"}
    write_weights(network, out, head=False, notes=notes)
    areas = json.loads((folder / HISTORY_FILE).read_text(encoding="utf-8")).get("auc", {})
    return {str(name): float(area) for name, area in areas.items()}


def _views(
    films: Sequence[FilmFile],
    settings: PretrainSettings,
    regions: int,
    phantoms: int,
    folder: Path,
    console: Console,
) -> tuple[Views, Views | None]:
    """Views to train on and views of other patients; drawn once and kept."""
    path = folder / _VIEWS_FILE
    if not path.is_file():
        console.print(f"drawing views of {len(films)} radiographs and {phantoms} phantoms …")
        seen = [film for film in films if not film.held_out]
        others = [film for film in films if film.held_out]
        drawn = itertools.chain(read_films(seen), phantom_films(phantoms, settings.seed))
        own = draw_views(drawn, settings.image_size, regions, settings.seed)
        judging = draw_views(read_films(others), settings.image_size, regions, settings.seed + 1)
        buffer = io.BytesIO()
        np.savez(buffer, crops=own.crops, targets=own.targets, judged=judging.crops, judged_targets=judging.targets)
        write_bytes(path, buffer.getvalue())
    with np.load(path, allow_pickle=False) as kept:
        own, judging = Views(kept["crops"], kept["targets"]), Views(kept["judged"], kept["judged_targets"])
    console.print(f"{len(own.crops)} views to train on, {len(judging.crops)} of other patients to judge by")
    return own, judging if judging.known.any() else None


def _teacher(weights: str, image_size: int) -> keras.Model:
    (arch,) = [name for name, preset in PRESETS.items() if isinstance(preset, LitePreset)]
    return build_model(ModelConfig(arch=arch, weights=weights, dropout=0.0), 2, image_size)

"""Folds without training, for tests of where folds run; child processes import it by its name."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_cwp.config import Config, DataConfig, SplitConfig
from keras_cwp.data.fold_plan import fold_seed
from keras_cwp.data.manifest import Manifest, ManifestRow, key_of, read_manifest, write_manifest
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import RunError

if TYPE_CHECKING:
    from keras_cwp.training.fold import FoldJob

CLASSES = ("normal", "opacity")
_PLACE = {
    **{"x": 0, "y": 0, "width": 8, "height": 8, "image_width": 8, "image_height": 8},
    **{"spacing_mm": None, "scale_x": 1, "scale_y": 1, "file_sha256": "", "look": ""},
}


def small_data(path: Path, sites: tuple[str, ...] = ("",), patients: int = 12) -> PreparedData:
    """A data set of two ROIs a patient that is a manifest only: its pixels cannot be read."""
    rows = []
    for number in range(2 * patients):
        patient = number // 2
        names = {"roi_id": f"r{number}", "image": f"i{patient}.png", "patient_id": f"P{patient}"}
        keys = {f"{kind}_key": key_of("salt", kind, names[name]) for kind, name in
                (("roi", "roi_id"), ("image", "image"), ("patient", "patient_id"))}  # fmt: skip
        site = sites[patient % len(sites)]
        label = CLASSES[patient // len(sites) % 2]
        extra = {"site": site} if site else {}
        rows.append(ManifestRow(**names, **keys, **_PLACE, label=label, extra=extra))
    meta = {"data_hash": "h", "square": "pad", "spacing_mm": None}
    return PreparedData(path, CLASSES, 32, 8, manifest_of(rows), meta)


def manifest_of(rows: list[ManifestRow]) -> Manifest:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.csv"
        write_manifest(path, rows, {name for row in rows for name in row.extra})
        return read_manifest(path)


def small_config(**split: object) -> Config:
    return Config(data=DataConfig(image_size=32), split=SplitConfig(**{"folds": 3, "validation": 0.3, **split}))


def score_fold(job: FoldJob) -> None:
    """Leave Scores that the seed and the fold decide, and a note of the process that made them."""
    from keras_cwp.training.inference import as_scores

    data = small_data(job.data)
    random = np.random.default_rng(fold_seed(job.config.seed, job.fold))
    for name, part in (("validation_scores.csv", "validation"), ("scores.csv", "test")):
        share = random.random(int((job.parts == part).sum()))
        as_scores(data, job.rows(part), np.stack([share, 1 - share], 1), job.fold).to_csv(job.folder / name)
    with open(job.folder / "made_by.txt", "a") as file:
        file.write(f"{os.getpid()}\n")


def score_fold_after_a_death(job: FoldJob) -> None:
    """The same, but the process that first tries fold 2 is killed as the kernel kills one for lack of memory."""
    died = job.folder / "died.txt"
    if job.fold == 2 and not died.exists():
        job.folder.mkdir(parents=True, exist_ok=True)
        died.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    score_fold(job)


def refuse_fold(job: FoldJob) -> None:
    raise RunError(f"fold {job.fold}: the loss is nan")

"""The RUN folder: what stands in it, how one is begun, continued, and read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from keras_cwp.config import Config, ModelConfig, dump_config, read_stored_config
from keras_cwp.errors import ModelError, RunError
from keras_cwp.files import write_text
from keras_cwp.scores import Scores
from keras_cwp.training.chosen import Chosen
from keras_cwp.training.ensemble_note import Ensemble

FOLD = "fold_"  # begins the name of a fold's folder
WHOLE_SHARE = 0.8  # of a radiograph's area: a region that covers as much counts as the whole of it


@dataclass(frozen=True)
class ModelContract:
    """What a caller must know to feed a model and read its answer; stored as model.json beside each model.

    Args:
        classes: class names, in the order of the logits.
        image_size: side of the network's input, pixels.
        context: margin that the training crops carried on each side, share of the box's side.
        square: how a box that is not square became one, `pad` or `stretch`.
        spacing_mm: pixel spacing that radiographs were resampled to before cropping; None: their own.
        data_hash: content hash of the data set that the model was trained on.
        views: of test-time augmentation that the run's figures were obtained with; 1: the crop alone.
        region_share: share of a radiograph's area that a training region covered, its 5 %, 50 % and 95 % quantiles;
            None in runs of versions that did not keep it.
        film_px: pixels of a training radiograph, the 5 % quantile; None as above.
        voi, window: how DICOM grey values were made, as the keys of `data` in the configuration.
    """

    classes: tuple[str, ...]
    image_size: int
    context: float
    square: str
    spacing_mm: float | None
    data_hash: str
    views: int = 1
    region_share: tuple[float, float, float] | None = None
    film_px: int | None = None
    voi: Literal["apply", "ignore"] = "apply"
    window: int = 0

    @property
    def of_regions(self) -> bool:
        """Whether training saw regions alone: nearly none of them was a whole radiograph."""
        return self.region_share is not None and self.region_share[-1] < WHOLE_SHARE

    def write(self, folder: Path) -> None:
        """Write model.json into `folder`."""
        write_text(folder / "model.json", json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> ModelContract:
        """Read model.json of `folder`.

        Raises:
            RunError: it is missing or not what `write` wrote.
        """
        path = folder / "model.json"
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
            share = tree.get("region_share")
            return cls(**tree | {"classes": tuple(tree["classes"]), "region_share": share and tuple(share)})
        except OSError as error:
            raise RunError(f"{path}: {error.strerror}; it stands beside every model that fit or cv wrote") from None
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(f"{path}: not a model contract: {error}") from None


def fold_folder(run: Path, number: int) -> Path:
    """Where a RUN keeps fold `number` of a cross-validation; 0 stands for a run of fit, which is its own folder."""
    return run / f"{FOLD}{number}" if number else run


def fold_folders(run: Path) -> dict[int, Path]:
    """The folders of folds that a RUN has, by number."""
    numbers = (path.name.removeprefix(FOLD) for path in run.glob(f"{FOLD}*"))
    return {number: fold_folder(run, number) for number in sorted(int(text) for text in numbers if text.isdecimal())}


def common_contract(contracts: list[ModelContract]) -> ModelContract:
    """The contract of all folds of a run, which differ in what their own training part held.

    Raises:
        ModelError: they differ in more.
    """
    first = contracts[0]
    fields = {"data_hash": "", "region_share": None, "film_px": None}
    if any(replace(each, **fields) != replace(first, **fields) for each in contracts):  # type: ignore[arg-type]
        raise ModelError("MODEL: the folds of the run disagree about classes or input; their model.json differ")
    return first


@dataclass(frozen=True)
class RunFolder:
    """A RUN folder by its path; nothing is read before it is asked for."""

    path: Path

    @property
    def config(self) -> Config:
        """The resolved configuration of the run."""
        return read_stored_config(self._existing("config.yaml"))

    @property
    def scores(self) -> Scores:
        """Scores of the ROIs that were held out: fit's test part, or all of cv's folds."""
        return Scores.from_csv(self._existing("scores.csv"))

    @property
    def validation_scores(self) -> Scores:
        """Scores of the validation ROIs, which chose the thresholds; `fold` says for which fold."""
        return Scores.from_csv(self._existing("validation_scores.csv"))

    @property
    def info(self) -> dict[str, Any]:
        """run.json: kind (fit or cv), data (path), data_hash, folds, command, training seconds, cohort table."""
        return json.loads(self._existing("run.json").read_text(encoding="utf-8"))

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.json as evaluate wrote it."""
        return json.loads(self._existing("metrics.json").read_text(encoding="utf-8"))

    @property
    def environment(self) -> dict[str, Any]:
        """environment.json: versions, machine, git commit."""
        return json.loads(self._existing("environment.json").read_text(encoding="utf-8"))

    @property
    def complete(self) -> bool:
        """Whether training ended and the Scores are there."""
        return (self.path / "scores.csv").is_file()

    def model_folders(self) -> list[Path]:
        """Folders that hold model.keras, model.json and history.csv: the run itself, or those of its folds."""
        return list(self.folders_by_fold().values())

    def folders_by_fold(self) -> dict[int, Path]:
        """The same by number of the fold; a run of fit has one, number 0.

        Raises:
            RunError: there is none.
        """
        trained = {number: path for number, path in fold_folders(self.path).items() if (path / "model.keras").is_file()}
        return trained or {0: self._existing("model.keras").parent}

    def model_config(self, folder: Path) -> ModelConfig:
        """The network of one of `model_folders`: the run's, or what was chosen there, by inner folds or `auto`."""
        own = folder / "config.yaml"
        model = (read_stored_config(own) if own.is_file() else self.config).model
        chosen = Chosen.read(folder)
        return model if chosen is None else chosen.network(model)

    def chosen_modes(self) -> dict[int, Chosen]:
        """What `train.mode: auto` chose, by fold (0 in a run of fit); {} in a run that named its mode.

        Raises:
            RunError: a damaged file.
        """
        found = {number: Chosen.read(path) for number, path in self._places().items()}
        return {number: chosen for number, chosen in found.items() if chosen is not None}

    def ensembles(self) -> dict[int, Ensemble]:
        """The share of each network where two make an ensemble, by fold (0 in a run of fit).

        Raises:
            RunError: a damaged file.
        """
        found = {number: Ensemble.read(path) for number, path in self._places().items()}
        return {number: about for number, about in found.items() if about is not None}

    def _places(self) -> dict[int, Path]:
        """Where notes beside networks are, with the networks or without."""
        return fold_folders(self.path) or {0: self.path}

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise RunError(f"{self.path}: no {name}; expected a RUN folder that keras-cwp fit or cv completed")
        return path


def begin_run(path: Path | str, config: Config, data_hash: str, kind: str) -> RunFolder:
    """Make a RUN folder, or take up one that the same command left unfinished.

    Raises:
        RunError: the folder holds a completed run, another run's configuration or data, or other files.
    """
    run = RunFolder(Path(path))
    if not run.path.exists() or not any(run.path.iterdir()):
        write_text(run.path / "config.yaml", dump_config(config))
        write_text(run.path / "run.json", _begun(data_hash, kind))
        return run
    if not (run.path / "run.json").is_file():
        raise RunError(f"{run.path} exists already and is not a run; name another folder or remove it")
    if run.complete:
        raise RunError(f"{run.path} holds a completed run; name another folder or remove it")
    if run.info["kind"] != kind or run.info["data_hash"] != data_hash or run.config != config:
        raise RunError(
            f"{run.path} holds an unfinished run of another command, configuration or data set; "
            "name another folder, or repeat the command that began it"
        )
    return run


def finish_run(run: RunFolder, info: dict[str, Any], scores: Scores, validation: Scores) -> None:
    """Write what the run found; scores.csv comes last and marks it complete."""
    write_info(run, info)
    validation.to_csv(run.path / "validation_scores.csv")
    scores.to_csv(run.path / "scores.csv")


def write_info(run: RunFolder, info: dict[str, Any]) -> None:
    """Add to run.json, with what `train.mode: auto` chose under `modes`, by fold."""
    modes = {str(number): asdict(chosen) for number, chosen in run.chosen_modes().items()}
    more = info | ({"modes": modes} if modes else {})
    write_text(run.path / "run.json", json.dumps(run.info | more, indent=2) + "\n")


def keep_split(run: RunFolder, text: str) -> None:
    """Write split.csv; see data/split_file.py.

    Raises:
        RunError: an earlier part of this run had other folds.
    """
    path = run.path / "split.csv"
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise RunError(f"{run.path} holds an unfinished run with another split; name another folder or give it its own")
    write_text(path, text)


def _begun(data_hash: str, kind: str) -> str:
    return json.dumps({"kind": kind, "data_hash": data_hash}, indent=2) + "\n"

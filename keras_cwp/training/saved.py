"""The trained network in its file: written whole, read without running anything that the file brings."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from typing import Any

import keras

from keras_cwp.errors import ModelError, RunError
from keras_cwp.models.mean import mean_of
from keras_cwp.training.run import ModelContract, RunFolder, common_contract

MODEL_FILE = "model.keras"
_LAYERS = "keras_cwp.models.build"  # importing it registers every layer that a saved network may hold


def save_network(network: keras.Model, folder: Path) -> None:
    """Write model.keras so that it is there whole or not at all."""
    beside = folder / ".unfinished.keras"
    network.save(beside)
    beside.rename(folder / MODEL_FILE)


def load_network(path: Path) -> Any:
    """A network from a .keras file, or from the folder of one: images [B, side, side, 1] in [0, 1] → logits.

    Raises:
        ModelError: not a Keras file, or one with layers that are not of this package; pickled code is never run.
    """
    path = path / MODEL_FILE if path.is_dir() else path
    importlib.import_module(_LAYERS)
    if not zipfile.is_zipfile(path):
        raise ModelError(f"model {path}: not a .keras file that keras-cwp fit or cv wrote")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises of every kind on a file that is not its own
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"model {path}: cannot be loaded: {reason}") from None


def model_folders(run: Path) -> dict[int, Path]:
    """Folders with model.keras and model.json by fold; a run of fit has one, number 0.

    Raises:
        RunError: not a RUN folder, or one without a model.
    """
    return RunFolder(run).folders_by_fold()


def one_model_folder(run: Path, fold: int | None) -> Path:
    """The folder of the one model to take.

    Raises:
        RunError: a cv run without `fold`, a fold that it does not have, or a fold of a fit run.
    """
    folders = model_folders(run)
    if fold is None and len(folders) == 1:
        return next(iter(folders.values()))
    if fold in folders and 0 not in folders:
        return folders[fold]
    if 0 in folders:
        raise RunError(f"{run}: --fold {fold} was asked for, but a run of fit has one model; leave --fold out")
    known = ", ".join(map(str, folders))
    asked = "" if fold is None else f"there is no fold {fold}; "
    raise RunError(f"{run}: {asked}a run of cv has one model a fold; choose --fold {known}, or train one with fit")


def named_model(path: Path, fold: int | None) -> Path:
    """What `load_with_contract` takes: the .keras file itself, or the model folder of a RUN.

    Raises:
        RunError: as `one_model_folder`.
    """
    return path if path.is_file() else one_model_folder(path, fold)


def load_mean(run: Path, fold: int | None) -> tuple[Any, ModelContract]:
    """Network and contract of a RUN; of a run of cv without `fold` the mean of its folds' networks.

    Raises:
        RunError, ModelError: as `named_model` and `load_with_contract`; or folds whose contracts differ.
    """
    folders = model_folders(run) if run.is_dir() else {}
    if fold is not None or len(folders) < 2:
        return load_with_contract(named_model(run, fold))
    loaded = [load_with_contract(folder) for folder in folders.values()]
    return mean_of([network for network, _ in loaded]), common_contract([contract for _, contract in loaded])


def load_with_contract(path: Path) -> tuple[Any, ModelContract]:
    """Network and contract of a .keras file, or of the folder that holds one.

    Raises:
        ModelError: as `load_network`, or a network whose shapes contradict model.json.
        RunError: no model.json beside it.
    """
    file = path / MODEL_FILE if path.is_dir() else path
    contract = ModelContract.read(file.parent)
    network = load_network(file)
    expected = (None, contract.image_size, contract.image_size, 1), (None, len(contract.classes))
    if (tuple(network.input_shape), tuple(network.output_shape)) != expected:
        raise ModelError(
            f"model {file}: shapes {network.input_shape} → {network.output_shape}, but model.json beside it "
            f"says {expected[0]} → {expected[1]}"
        )
    return network, contract

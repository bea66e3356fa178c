"""The trained networks of a RUN, and the contract that each of them came with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_cwp.errors import ModelError, RunError
from keras_cwp.training.run import ModelContract, RunFolder
from keras_cwp.training.saved import MODEL_FILE, load_network


def model_folders(run: Path) -> dict[int, Path]:
    """Folders with model.keras and model.json by fold; a run of fit has one, number 0.

    Raises:
        RunError: not a RUN folder, or one without a model.
    """
    folders = RunFolder(run).model_folders()
    if folders == [run]:
        return {0: run}
    return {int(folder.name.removeprefix("fold_")): folder for folder in folders}


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

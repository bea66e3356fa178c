"""A trained network as a SavedModel that TensorFlow Serving loads at first try."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
from tensorflow.core.protobuf import saved_model_pb2

from keras_cwp.errors import ServingError
from keras_cwp.files import new_folder, write_text
from keras_cwp.models.deploy import deploy
from keras_cwp.prediction.card import CARD_FILE, model_card
from keras_cwp.prediction.judging import judging_of
from keras_cwp.runtime import errors_of_tensorflow_only
from keras_cwp.serving.bundle import check_same_format, free_version, write_bundle_files
from keras_cwp.serving.bundled_onnx import CARD_KEY, ONNX_FILE, sign_onnx, write_onnx
from keras_cwp.serving.endpoints import ENDPOINTS
from keras_cwp.serving.signatures import Signatures
from keras_cwp.serving.verify import verify
from keras_cwp.serving.warmup import write_warmup, written_by_tensorflow
from keras_cwp.training.run import ModelContract
from keras_cwp.training.saved import load_mean

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_NEGATIVE_NAMES = ("normal", "negative", "none", "no_finding", "healthy")


@dataclass(frozen=True)
class Exported:
    """What was published.

    Args:
        path: saved_models/NAME/VERSION.
        difference: largest difference of a probability between the Keras model and the bundle, by signature.
        warmup: warm-up records replayed, by signature.
    """

    path: Path
    difference: dict[str, float]
    warmup: dict[str, int]


def export(
    run: Path,
    out: Path,
    *,
    version: int | None = None,
    fold: int | None = None,
    negative: str | None = None,
    views: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write the next version of saved_models/NAME, check it in a fresh process, and only then give it its name.

    Args:
        run: a RUN folder.
        out: saved_models/NAME.
        version: its number; None: one more than the largest there.
        fold: which model of a cv run; None: the mean of all its folds' probabilities.
        negative: the class that the regress signature calls negative; None: the one named normal or alike,
            else the first.
        views: of test-time augmentation that the bundle averages for what comes as a file; None: as many as the
            run's figures were obtained with.
        note: gets one line for each step.

    Raises:
        RunError: not a RUN, or a fold that it does not have.
        ServingError: a name that cannot be a model's, a version that exists, or a bundle that failed its check;
            nothing is published then.
    """
    if not _NAME.fullmatch(out.name):
        raise ServingError(
            f"--out {out}: {out.name!r} cannot name a model; use letters, digits, '_', '-' and '.', such as cwp"
        )
    check_same_format(out, "saved_model.pb")
    number = free_version(out, version)
    network, contract = load_mean(run, fold)
    contract = replace(contract, views=views or contract.views)
    negative = negative_class(contract, negative)
    with new_folder(out / str(number)) as beside:
        note(f"writing {out / str(number)}")
        judging = judging_of(run, fold)
        if judging.caveat:
            note(judging.caveat)
        card = model_card(run, contract, negative, fold) | {"judging": judging.as_json()}
        card[CARD_KEY] = write_onnx(beside, network, contract, negative, judging)
        if why := card[CARD_KEY].get("left_out"):
            note(f"no {ONNX_FILE}, so keras-cwp serve will take TensorFlow: {why}")
        write_text(beside / CARD_FILE, json.dumps(card, indent=2) + "\n")
        write_saved_model(deploy(network), contract, negative, beside)
        records = write_warmup(beside, contract)
        note(f"checking it in a process without keras, {records} warm-up records")
        verified = verify(beside, network, contract, negative)
        sign_onnx(beside, verified.answers)
    write_bundle_files(out)
    return Exported(out / str(number), verified.difference, verified.warmup)


def negative_class(contract: ModelContract, wanted: str | None) -> str:
    """The class that stands for nothing found.

    Raises:
        ServingError: `wanted` is not a class of the model.
    """
    if wanted is not None and wanted not in contract.classes:
        raise ServingError(f"--negative {wanted!r} is not a class of the model; it has {', '.join(contract.classes)}")
    named = [name for name in contract.classes if name.lower() in _NEGATIVE_NAMES]
    return wanted or (named or list(contract.classes))[0]


def write_saved_model(network: Any, contract: ModelContract, negative: str, folder: Path) -> None:
    """Write saved_model.pb and variables with all signatures; a card in the folder says what answers are judged by."""
    archive = keras.export.ExportArchive()
    signatures = Signatures(network, contract, negative, judging_of(folder))
    for endpoint in ENDPOINTS:
        archive.add_endpoint(endpoint.name, endpoint.answer(signatures), endpoint.inputs(contract))
    with written_by_tensorflow(folder), errors_of_tensorflow_only():
        archive.write_out(str(folder), verbose=False)
    name_methods(folder / "saved_model.pb")


def name_methods(path: Path) -> None:
    """State the method of each signature: Keras calls all of them predict, and strict servers want the right one."""
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for endpoint in ENDPOINTS:
        if endpoint.name in model.meta_graphs[0].signature_def:
            model.meta_graphs[0].signature_def[endpoint.name].method_name = f"tensorflow/serving/{endpoint.method}"
    path.write_bytes(model.SerializeToString(deterministic=True))
    (path.parent / "fingerprint.pb").unlink(missing_ok=True)  # of the file as it was before; optional

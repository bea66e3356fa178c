"""A version under ONNX Runtime answers as under TensorFlow, and TensorFlow answers where it would not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from support.serving_bundle import ENGINE_SIDE as SIDE
from support.serving_bundle import copied, steep_network, with_onnx, write_version
from support.serving_helpers import example

from keras_cwp.errors import ServingError
from keras_cwp.prediction import onnx_format
from keras_cwp.serving.around import AROUND_FOLDER
from keras_cwp.serving.bundled_onnx import ONNX_FILE, read_onnx
from keras_cwp.serving.expected import EXPECTED_FILE
from keras_cwp.serving.server import engines
from keras_cwp.serving.server.around_network import AroundNetwork
from keras_cwp.serving.server.engines import BOUND, open_servable
from keras_cwp.serving.server.parameters import UNSTATED
from keras_cwp.serving.server.servable import Servable
from keras_cwp.serving.server.status import Code, Refused

pytest.importorskip("onnxruntime", reason="no ONNX Runtime: pip install '.[onnx]'")
ONNX, TENSORFLOW = onnx_format.engine_name(), f"TensorFlow {tf.__version__}"


def png(seed: int, height: int, width: int) -> bytes:
    rough = np.random.default_rng(seed).uniform(0, 255, (7, 7))
    return bytes(cv2.imencode(".png", cv2.resize(rough, (width, height)).astype(np.uint8))[1])


IMAGES = [png(0, SIDE, SIDE), png(1, 150, 90), b"junk", png(2, 40, 300), png(3, SIDE, SIDE)]
BOXES = np.array([[0, 0, 64, 64], [10, 20.5, 50, 70], [0, 0, 5, 5], [400, 0, 5, 5], [8, 8, 20, 20]], np.float32)


def objects(contents: list[bytes]) -> np.ndarray:
    made = np.empty(len(contents), object)
    made[:] = contents
    return made


def requests(servable: Servable) -> dict[str, dict[str, np.ndarray]]:
    """A request to each signature, with rows that cannot be used."""
    pixels = np.random.default_rng(5).uniform(0, 1, (19, SIDE, SIDE, 1)).astype(np.float32)
    pixels[3] *= 255
    files, examples = objects(IMAGES), objects([example(image).SerializeToString() for image in IMAGES])
    asked = {
        "serving_default": {"image_bytes": files},
        "roi_bytes": {"image_bytes": files, "box": BOXES},
        "pixels": {"pixels": pixels},
        "classify": {"inputs": examples},
        "regress": {"inputs": examples},
    }
    if "spacing_mm" in servable.signatures["roi_bytes"].inputs:
        asked["roi_bytes"]["spacing_mm"] = np.array([0.2, 0, 0.1, 0.2, np.nan], np.float32)
    return asked


def compare(version: Path) -> dict[str, dict[str, np.ndarray]]:
    """Ask both engines everything; the answers of ONNX Runtime."""
    by_tensorflow, by_onnx = (open_servable(version, UNSTATED, engine) for engine in ("tensorflow", "onnx"))
    try:
        assert (by_tensorflow.engine, by_onnx.engine) == (TENSORFLOW, ONNX)
        assert set(requests(by_onnx)) == set(by_onnx.signatures)
        answers = {}
        for name, inputs in requests(by_onnx).items():
            for rows in (None, 1, 0):
                part = {key: value[:rows] for key, value in inputs.items()}
                expected, found = by_tensorflow.ask(name, part), by_onnx.ask(name, part)
                assert engines._difference(expected, found) < 1e-5, (name, rows)
                answers[name] = found if rows is None else answers[name]
        return answers
    finally:
        by_tensorflow.close()
        by_onnx.close()


def test_every_signature_of_a_model_with_views_sets_and_likeness(bundle: Path) -> None:
    found = compare(bundle / "1")
    answer = found["roi_bytes"]
    assert {"probabilities", "label", "classes", "status", "set", "distance", "unlike"} == set(answer)
    assert [status == b"ok" for status in answer["status"]] == [True, True, False, False, True]
    assert np.isnan(answer["probabilities"][2]).all()
    assert np.nanstd(found["pixels"]["probabilities"], axis=0).max() > 0.001  # or the comparison says nothing


def test_every_signature_of_a_model_of_one_view_at_a_spacing(plain_version: Path) -> None:
    assert "spacing_mm" not in compare(plain_version)["roi_bytes"]


@pytest.mark.slow
def test_the_mean_of_folds_is_one_onnx_file(tmp_path: Path) -> None:
    write_version(tmp_path / "1", [steep_network(3, SIDE), steep_network(4, SIDE, eca="none")])
    compare(tmp_path / "1")


def test_a_network_that_has_no_onnx_form_is_left_to_tensorflow(tmp_path: Path) -> None:
    layers = [keras.Input((SIDE, SIDE, 1)), keras.layers.AveragePooling2D(16), keras.layers.Flatten()]
    write_version(tmp_path / "1", [keras.Sequential([*layers, keras.layers.Dense(3)])])
    assert not (tmp_path / "1" / ONNX_FILE).exists()
    servable = open_servable(tmp_path / "1", UNSTATED, "auto")
    assert (servable.engine, servable.warm_up()) == (TENSORFLOW, 10)
    assert "is neither a ShuffleNet V2 with ECA at the ends of its units" in servable.why_not_onnx
    servable.close()
    with pytest.raises(ServingError, match=r"--engine onnx: .* has no assets\.extra/model\.onnx: "):
        open_servable(tmp_path / "1", UNSTATED, "onnx")


def spoiled(content: bytes) -> bytes:
    """A valid file with one weight of the last layer changed a little."""
    import onnx
    from onnx import numpy_helper

    made = onnx.load_from_string(content)
    bias = made.graph.initializer[-1]
    values = numpy_helper.to_array(bias) + np.array([0.001, 0, 0], np.float32)
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    return made.SerializeToString()


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("name", [f"{AROUND_FOLDER}/saved_model.pb", EXPECTED_FILE])
def test_a_damaged_file_beside_the_network_is_refused(
    name: str, lost: bool, plain_version: Path, tmp_path: Path
) -> None:
    version = copied(plain_version, tmp_path)
    file = version / name
    file.unlink() if lost else file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ServingError, match="cannot be read: No such file" if lost else "the file is damaged"):
        open_servable(version, UNSTATED, "onnx")
    servable = open_servable(version, UNSTATED, "auto")
    assert (servable.engine, str(file) in servable.why_not_onnx) == (TENSORFLOW, True)
    servable.close()


def test_a_signature_that_the_halves_lack_is_refused(plain_version: Path) -> None:
    def lacking(version: Path) -> AroundNetwork:
        graph = AroundNetwork(version, lambda images: np.zeros((len(images), 3), np.float32))
        del graph.functions["classify"]
        return graph

    with pytest.raises(ServingError, match="classify cannot be answered by nothing"):
        Servable(plain_version, UNSTATED, lacking, "nothing")


@pytest.mark.parametrize("kind", ["cut short", "one bit", "of another network", "signed but spoiled", "signed junk"])
def test_a_file_that_is_not_the_network_s_is_refused(
    kind: str, bundle: Path, plain_version: Path, tmp_path: Path
) -> None:
    whole, other = read_onnx(plain_version), read_onnx(bundle / "1")
    content = {
        "cut short": whole[: len(whole) // 2],
        "one bit": bytes([*whole[:-2000], whole[-2000] ^ 1, *whole[len(whole) - 1999 :]]),
        "of another network": other,
        "signed but spoiled": spoiled(whole),
        "signed junk": b"no protobuf",
    }[kind]
    version = with_onnx(copied(plain_version, tmp_path), content, kind.startswith("signed"))
    reason = {
        "signed but spoiled": rf"{ONNX} differs from the SavedModel by .* in a warm-up answer, more than {BOUND:g}",
        "signed junk": "ONNX Runtime cannot read the model",
    }.get(kind, "the file is damaged or belongs to another version")
    with pytest.raises(ServingError, match=f"--engine onnx: .*{reason}"):
        open_servable(version, UNSTATED, "onnx")
    servable = open_servable(version, UNSTATED, "auto")
    assert servable.engine == TENSORFLOW
    assert reason.split(" by ")[0] in servable.why_not_onnx
    servable.close()


def test_without_onnx_runtime_tensorflow_answers(plain_version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda: False)
    servable = open_servable(plain_version, UNSTATED, "auto")
    assert servable.engine == TENSORFLOW
    assert servable.why_not_onnx.startswith("ONNX Runtime is not installed: pip install ")
    servable.close()
    with pytest.raises(ServingError, match="--engine onnx: ONNX Runtime is not installed"):
        open_servable(plain_version, UNSTATED, "onnx")


def test_a_gpu_keeps_tensorflow_unless_onnx_was_asked_for(plain_version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    for engine, expected in (("auto", TENSORFLOW), ("onnx", ONNX)):
        servable = open_servable(plain_version, UNSTATED, engine)  # type: ignore[arg-type]
        assert servable.engine == expected
        servable.close()


def test_an_error_of_the_engine_is_internal(plain_version: Path) -> None:
    def fail(_: Any) -> Any:
        raise RuntimeError("no memory")

    servable = Servable(plain_version, UNSTATED, lambda version: AroundNetwork(version, fail), "broken")
    with pytest.raises(Refused, match="RuntimeError: no memory") as refusal:
        servable.ask("pixels", {"pixels": np.zeros((1, SIDE, SIDE, 1), np.float32)})
    assert refusal.value.code is Code.INTERNAL
    with pytest.raises(ServingError, match="warm-up record 1 cannot be replayed"):
        servable.warm_up()
    servable.close()

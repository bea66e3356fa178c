"""A version under ONNX Runtime answers as under TensorFlow, and TensorFlow answers where it would not."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from support.serving_bundle import judging_of_noise, steep_network, write_version
from support.serving_helpers import Running, example, refused, start, wait_until

from keras_cwp.cli.main import cli
from keras_cwp.errors import ServingError
from keras_cwp.prediction import onnx_format
from keras_cwp.prediction.card import CARD_FILE
from keras_cwp.serving.bundled_onnx import CARD_KEY, ONNX_FILE, read_onnx
from keras_cwp.serving.server import engines
from keras_cwp.serving.server.engines import BOUND, open_servable
from keras_cwp.serving.server.parameters import UNSTATED
from keras_cwp.serving.server.servable import Servable
from keras_cwp.serving.server.status import Code, Refused

pytest.importorskip("onnxruntime", reason="no ONNX Runtime: pip install '.[onnx]'")
SIDE = 64
ONNX, TENSORFLOW = onnx_format.engine_name(), f"TensorFlow {tf.__version__}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """saved_models/cwp: version 1 of two views with sets and likeness; not to be changed."""
    folder = tmp_path_factory.mktemp("engines") / "cwp"
    write_version(folder / "1", [steep_network(1, SIDE)], judging_of_noise(SIDE), views=2)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version of another network, one view, at a pixel spacing; to be copied."""
    version = tmp_path_factory.mktemp("plain") / "2"
    write_version(version, [steep_network(2, SIDE)], spacing_mm=0.2)
    return version


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


def test_every_signature_of_a_model_with_views_sets_and_likeness(model: Path) -> None:
    found = compare(model / "1")
    answer = found["roi_bytes"]
    assert {"probabilities", "label", "classes", "status", "set", "distance", "unlike"} == set(answer)
    assert [status == b"ok" for status in answer["status"]] == [True, True, False, False, True]
    assert np.isnan(answer["probabilities"][2]).all()
    assert np.nanstd(found["pixels"]["probabilities"], axis=0).max() > 0.001  # or the comparison says nothing


def test_every_signature_of_a_model_of_one_view_at_a_spacing(plain: Path) -> None:
    assert "spacing_mm" not in compare(plain)["roi_bytes"]


def test_the_mean_of_folds_is_one_onnx_file(tmp_path: Path) -> None:
    write_version(tmp_path / "1", [steep_network(3, SIDE), steep_network(4, SIDE, eca="none")])
    compare(tmp_path / "1")


def test_a_network_that_has_no_onnx_form_is_left_to_tensorflow(tmp_path: Path) -> None:
    layers = [keras.Input((SIDE, SIDE, 1)), keras.layers.AveragePooling2D(16), keras.layers.Flatten()]
    write_version(tmp_path / "1", [keras.Sequential([*layers, keras.layers.Dense(3)])])
    assert not (tmp_path / "1" / ONNX_FILE).exists()
    servable = open_servable(tmp_path / "1", UNSTATED, "auto")
    assert (servable.engine, servable.warm_up()) == (TENSORFLOW, 30)
    assert "is not a ShuffleNet V2 with ECA at the ends of its units" in servable.why_not_onnx
    servable.close()
    with pytest.raises(ServingError, match=r"--engine onnx: .* has no assets\.extra/model\.onnx: "):
        open_servable(tmp_path / "1", UNSTATED, "onnx")


def copied(version: Path, folder: Path) -> Path:
    return Path(shutil.copytree(version, folder / version.name))


def with_onnx(version: Path, content: bytes, sign: bool) -> Path:
    """Replace a version's ONNX file; `sign`: have the card say that it is right."""
    (version / ONNX_FILE).write_bytes(content)
    if sign:
        import hashlib

        card = json.loads((version / CARD_FILE).read_text())
        card[CARD_KEY]["sha256"] = hashlib.sha256(content).hexdigest()
        (version / CARD_FILE).write_text(json.dumps(card))
    return version


def spoiled(content: bytes) -> bytes:
    """A valid file with one weight of the last layer changed a little."""
    import onnx
    from onnx import numpy_helper

    made = onnx.load_from_string(content)
    bias = made.graph.initializer[-1]
    values = numpy_helper.to_array(bias) + np.array([0.001, 0, 0], np.float32)
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    return made.SerializeToString()


@pytest.mark.parametrize("kind", ["cut short", "one bit", "of another network", "signed but spoiled", "signed junk"])
def test_a_file_that_is_not_the_network_s_is_refused(kind: str, model: Path, plain: Path, tmp_path: Path) -> None:
    whole, other = read_onnx(plain), read_onnx(model / "1")
    content = {
        "cut short": whole[: len(whole) // 2],
        "one bit": bytes([*whole[:-2000], whole[-2000] ^ 1, *whole[len(whole) - 1999 :]]),
        "of another network": other,
        "signed but spoiled": spoiled(whole),
        "signed junk": b"no protobuf",
    }[kind]
    version = with_onnx(copied(plain, tmp_path), content, kind.startswith("signed"))
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


def test_without_onnx_runtime_tensorflow_answers(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda: False)
    servable = open_servable(plain, UNSTATED, "auto")
    assert servable.engine == TENSORFLOW
    assert servable.why_not_onnx.startswith("ONNX Runtime is not installed: pip install ")
    servable.close()
    with pytest.raises(ServingError, match="--engine onnx: ONNX Runtime is not installed"):
        open_servable(plain, UNSTATED, "onnx")


def test_a_gpu_keeps_tensorflow_unless_onnx_was_asked_for(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    for engine, expected in (("auto", TENSORFLOW), ("onnx", ONNX)):
        servable = open_servable(plain, UNSTATED, engine)  # type: ignore[arg-type]
        assert servable.engine == expected
        servable.close()


def engine_of(running: Running, number: int) -> str:
    text = running.http("GET", "/monitoring/prometheus/metrics")[1].decode()
    lines = [line for line in text.splitlines() if "keras_cwp_version_engine{" in line and f'"{number}"' in line]
    return lines[0].split('engine="')[1].split('"')[0] if lines else ""


def test_a_swap_takes_the_engine_that_the_new_version_bears(
    model: Path, plain: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "keras_cwp.serving.server")
    folder = tmp_path / "cwp"
    copied(model / "1", folder)
    pixels = np.random.default_rng(6).uniform(0, 1, (2, SIDE, SIDE, 1)).astype(np.float32)
    with start([folder]) as running:
        assert engine_of(running, 1) == ONNX
        assert running.server.engines() == [f"cwp version 1: {ONNX}"]
        first = tf.make_ndarray(running.predict("pixels", model="cwp", pixels=pixels).outputs["probabilities"])
        damaged = with_onnx(copied(plain, tmp_path), b"damaged", False)
        damaged.rename(folder / "2")
        wait_until(lambda: engine_of(running, 2) == TENSORFLOW, 60)
        wait_until(lambda: running.predict("pixels", model="cwp", pixels=pixels).model_spec.version.value == 2)
        second = tf.make_ndarray(running.predict("pixels", model="cwp", pixels=pixels).outputs["probabilities"])
        assert np.abs(first - second).max() > 0.001
        assert refused(lambda: running.predict("none", model="cwp", pixels=pixels))[0] == "FAILED_PRECONDITION"
    logged = [line for line in map(json.loads, caplog.messages) if line["event"] == "engine"]
    assert [(line["version"], line["engine"]) for line in logged] == [("1", ONNX), ("2", TENSORFLOW)]
    assert "damaged" in logged[1]["why_not_onnx"]


def test_a_version_that_onnx_runtime_cannot_take_is_not_served_where_it_is_asked_for(
    plain: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cwp"
    folder.mkdir()
    with_onnx(copied(plain, tmp_path), b"damaged", False).rename(folder / "1")
    with start([folder], engine="onnx") as running:
        assert not running.server.ready()
        (fault,) = running.server.faults()
    assert "--engine onnx: " in fault
    result = CliRunner().invoke(cli, ["serve", str(folder), "--rest-port", "0", "--grpc-port", "0", "--engine", "onnx"])
    assert isinstance(result.exception, ServingError)
    assert "--engine onnx: " in str(result.exception)


def test_memory_is_given_back_when_versions_come_and_go(plain: Path) -> None:
    def resident_mib() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    def load_once() -> None:
        open_servable(plain, UNSTATED, "onnx").close()

    for _ in range(3):
        load_once()
    before = resident_mib()
    for _ in range(6):
        load_once()
    assert resident_mib() - before < 12  # a version's session alone takes more than 2 MiB


def test_an_error_of_the_engine_is_internal(plain: Path) -> None:
    def fail(_: Any) -> Any:
        raise RuntimeError("no memory")

    servable = Servable(plain, UNSTATED, fail, "broken")
    with pytest.raises(Refused, match="RuntimeError: no memory") as refusal:
        servable.ask("pixels", {"pixels": np.zeros((1, SIDE, SIDE, 1), np.float32)})
    assert refusal.value.code is Code.INTERNAL
    with pytest.raises(ServingError, match="warm-up record 1 cannot be replayed"):
        servable.warm_up()
    servable.close()

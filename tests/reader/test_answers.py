"""An answer has what `predict` and the run's metrics say of a region; maps are those of `explain`."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.reading import LOWEST, TEMPERATURE, THRESHOLDS
from support.small_run import CLASSES, IMAGE_SIZE, write_model

from keras_cwp.api.model import Model
from keras_cwp.errors import CwpError, DataError
from keras_cwp.evaluation.calibration import apply_temperature
from keras_cwp.explain.heat_maps import heat_maps
from keras_cwp.prediction.judging import Judging
from keras_cwp.reader import map_scale
from keras_cwp.reader.answers import Answers
from keras_cwp.reader.decisions import Decisions, decisions_of
from keras_cwp.reader.map_scale import reduced
from keras_cwp.reader.pixels import FilmPixels, decode_film
from keras_cwp.reader.training_rois import Directions, TrainingRois, network_images, open_training_data
from keras_cwp.training.run import ModelContract

BOX = (40.0, 30.0, 60.0, 50.0)


@pytest.fixture
def pixels(films: Path, answers: Answers) -> FilmPixels:
    return decode_film(films / "c.dcm", answers.rules)


def test_an_answer_is_that_of_predict_with_the_runs_decisions(
    answers: Answers, pixels: FilmPixels, films: Path, read_run: Path
) -> None:
    answer = answers.of_box(pixels, BOX, 0.2)
    row = Model(read_run).predict(films / "c.dcm", boxes=[BOX]).iloc[0]
    raw = np.array([row[f"prob_{name}"] for name in CLASSES])
    assert answer["predicted"] == row["predicted"] == CLASSES[raw.argmax()]
    assert [each["raw"] for each in answer["classes"]] == pytest.approx(raw.tolist(), abs=1e-6)
    calibrated = apply_temperature(raw[None], TEMPERATURE)[0]
    assert [each["probability"] for each in answer["classes"]] == pytest.approx(calibrated.tolist(), abs=1e-6)
    assert answer["calibrated"] is True
    assert not np.allclose(raw, calibrated, atol=0.01)
    for name, own, each in zip(CLASSES, raw, answer["classes"], strict=True):
        threshold = THRESHOLDS[name]
        assert (each["threshold"], each["reached"]) == (threshold, threshold is not None and bool(own >= threshold))
        assert each["in_set"] is bool(own >= LOWEST[name])
    json.dumps(answer)


def test_neighbours_are_training_rois_and_none_that_was_held_out(answers: Answers, pixels: FilmPixels) -> None:
    answer = answers.of_box(pixels, BOX, 0.2)
    assert len(answer["neighbours"]) == 5
    distances = [each["distance"] for each in answer["neighbours"]]
    assert distances == sorted(distances)
    data = answers._training.data  # type: ignore[union-attr]
    for each in answer["neighbours"]:
        row = data.manifest[each["row"]]
        assert (row.label, row.patient_key) == (each["label"], each["patient"])
        assert int(row.patient_id[1:]) < 18
        assert (
            cv2.imdecode(np.frombuffer(answers.training_picture(each["row"]), np.uint8), 0).shape == (IMAGE_SIZE,) * 2
        )
    with pytest.raises(CwpError, match="no such ROI"):
        answers.training_picture(len(data) - 1)  # of a held-out patient


def test_a_training_roi_is_its_own_nearest_neighbour(answers: Answers, read_run: Path) -> None:
    film = decode_film(read_run.parent / "train" / "3.png", answers.rules)
    first, second = answers.of_box(film, (70.0, 20.0, 50.0, 50.0), None)["neighbours"][:2]
    assert answers._training.data.manifest[first["row"]].patient_id == "T3"  # type: ignore[union-attr]
    assert first["distance"] < second["distance"] / 10


def test_a_region_farther_than_the_held_out_ones_is_said_to_be_so(
    answers: Answers, pixels: FilmPixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The features of the training ROIs turned by a right angle in each pair of channels are far from all of them."""
    own = answers.of_box(pixels, BOX, None)
    assert 0 < own["farther_than"] < 0.99
    see = answers._sight.features  # type: ignore[union-attr]

    def turned(images: np.ndarray) -> np.ndarray:
        found = see(images)
        return np.stack([-found[:, 1::2], found[:, ::2]], axis=2).reshape(found.shape)

    monkeypatch.setattr(answers._sight, "features", turned)
    assert answers.of_box(pixels, BOX, None)["farther_than"] == 1


@pytest.mark.parametrize(("count", "share"), [(19, None), (20, 1), (99, 1)])
def test_few_held_out_rois_say_nothing(answers: Answers, count: int, share: float | None) -> None:
    known = Directions(np.eye(6, dtype=np.float32))
    held_out = np.linspace(0, 0.1, count)
    training = TrainingRois(answers._training.data, np.arange(6), known, held_out)  # type: ignore[union-attr]
    assert training.farther_than(np.full(6, -1, np.float32)) == share


class Far(Judging):
    """Judges every crop by its mean grey."""

    def distance(self, images: np.ndarray) -> np.ndarray | None:
        return images.mean(axis=(1, 2, 3)) * self.coverage if self.coverage else None


@pytest.mark.parametrize(("scale", "unlike"), [(None, None), (1e-6, False), (1e6, True)])
def test_unlike_is_what_the_run_says(
    answers: Answers, pixels: FilmPixels, monkeypatch: pytest.MonkeyPatch, scale: float | None, unlike: bool | None
) -> None:
    monkeypatch.setattr(answers, "predictor", replace(answers.predictor, judging=Far(coverage=scale)))
    assert answers.of_box(pixels, BOX, None)["unlike"] is unlike


def test_distance_is_by_direction_and_to_the_five_nearest() -> None:
    known = Directions(np.array([[1.0, 0]] * 4 + [[0, 2.0]] * 2, np.float32))
    assert known.distances(np.array([[3.0, 0]], np.float32))[0] == pytest.approx([0] * 4 + [1] * 2)
    assert known.to_nearest(np.array([[3.0, 0], [-1, 0]], np.float32)) == pytest.approx([1 / 5, (2 * 1 + 3 * 2) / 5])


def shown(found: dict[str, Any]) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(base64.b64decode(found["png"]), np.uint8), cv2.IMREAD_GRAYSCALE)


def with_beats(monkeypatch: pytest.MonkeyPatch, answers: Answers, beats: bool) -> None:
    """The run is untrained: whether its maps do better than random ones is chance."""
    real = answers._sight.try_maps  # type: ignore[union-attr]
    fall = 1.0 if beats else -1.0
    monkeypatch.setattr(
        answers._sight, "try_maps", lambda *given: replace(real(*given), fall=np.array([fall]), fall_random=np.zeros(1))
    )


def test_a_map_is_layercams_and_covers_the_region(
    answers: Answers, pixels: FilmPixels, read_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_beats(monkeypatch, answers, True)
    monkeypatch.setattr(answers, "_end", None)
    network = Model(read_run).network
    crop = answers._inner(answers._crop(pixels, BOX, None))[None]
    for index, name in enumerate(CLASSES):
        found = answers.heat_of(pixels, BOX, None, name)
        assert found["window"] == [40, 25, 60, 60]  # the box as a square about its centre
        assert found["one_scale"] is False
        picture = shown(found)
        expected = heat_maps(network, crop, np.array([index]), "layercam")[0]
        small = cv2.resize(expected, picture.shape, interpolation=cv2.INTER_AREA)
        assert np.abs(picture / 255 - small / small.max()).max() < 0.02
    with pytest.raises(CwpError, match="class 'tumour' is not of the model"):
        answers.heat_of(pixels, BOX, None, "tumour")


def test_maps_of_all_boxes_have_one_scale(
    answers: Answers, pixels: FilmPixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_beats(monkeypatch, answers, True)
    crop = answers._inner(answers._crop(pixels, BOX, None))[None]
    raw = reduced(answers._sight.try_maps(crop, np.zeros(1, int)).maps[0])  # type: ignore[union-attr]
    for end in (2 * float(raw.max()), float(raw.max()) / 2):
        monkeypatch.setattr(answers, "_end", end)
        found = answers.heat_of(pixels, BOX, None, CLASSES[0])
        assert found["one_scale"] is True
        assert np.abs(shown(found) / 255 - (raw / end).clip(0, 1)).max() < 0.01


def test_the_scale_ends_where_few_maps_of_held_out_rois_do(
    answers: Answers, read_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sight = answers._sight
    assert sight is not None
    data, parts = open_training_data(read_run, answers.contract)
    images = network_images(data, np.flatnonzero(parts != "train"))
    tried = sight.try_maps(images, sight.called(images))
    peaks = [float(reduced(heat).max()) for heat, beats in zip(tried.maps, tried.beats, strict=True) if beats]
    monkeypatch.setattr(map_scale, "MAPPED", len(images))  # all of them: batches and order change no quantile
    monkeypatch.setattr(map_scale, "FEWEST", len(peaks))
    expected = pytest.approx(np.quantile(peaks, 0.95), rel=1e-4)
    assert map_scale.held_out_end(sight, read_run, answers.contract) == expected
    monkeypatch.setattr(map_scale, "FEWEST", len(peaks) + 1)
    assert map_scale.held_out_end(sight, read_run, answers.contract) is None


def test_a_map_that_does_no_better_than_random_weights_is_withheld(
    answers: Answers, pixels: FilmPixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_beats(monkeypatch, answers, False)
    assert answers.heat_of(pixels, BOX, None, "normal")["png"] is None


def test_a_box_of_unusual_size_is_cautioned(answers: Answers, pixels: FilmPixels) -> None:
    assert answers.of_box(pixels, BOX, None)["cautions"] == []
    assert "larger than the training ROIs" in answers.of_box(pixels, (0.0, 0.0, 160.0, 120.0), None)["cautions"][0]
    assert "smaller" in answers.of_box(pixels, (5.0, 5.0, 8.0, 8.0), None)["cautions"][0]


def test_a_box_beside_the_film_is_an_error(answers: Answers, pixels: FilmPixels) -> None:
    with pytest.raises(DataError, match="outside"):
        answers.of_box(pixels, (400.0, 400.0, 10.0, 10.0), None)


def prepared(model: Path) -> Answers:
    found = Answers(model)
    found.start()
    found.wait()
    return found


def changed(run: Path, folder: Path, file: str, **values: Any) -> Path:
    """A copy of a run with other values in one of its JSON files."""
    copy = shutil.copytree(run, folder)
    (copy / file).write_text(json.dumps(json.loads((copy / file).read_text()) | values))
    return copy


def test_training_rois_that_are_not_the_runs_own_are_not_shown(read_run: Path, tmp_path: Path) -> None:
    gone = changed(read_run, tmp_path / "gone", "run.json", data=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="not where it was") as refused:
        open_training_data(gone, ModelContract.read(gone))
    assert str(tmp_path) not in str(refused.value)
    anew = changed(read_run, tmp_path / "anew", "model.json", data_hash="0" * 64)
    with pytest.raises(DataError, match="prepared anew"):
        open_training_data(anew, ModelContract.read(anew))


def test_maps_that_did_not_beat_random_weights_are_withheld_and_neighbours_are_not(
    read_run: Path, tmp_path: Path, pixels: FilmPixels
) -> None:
    verdict = {"shown": False, "verdict": "Withheld: no."}
    found = prepared(changed(read_run, tmp_path / "run", "metrics.json", heat_maps=verdict))
    assert (found.heat.state, found.heat.said) == ("missing", "Withheld: no")
    with pytest.raises(CwpError, match="heat map: Withheld: no"):
        found.heat_of(pixels, BOX, None, "normal")
    assert len(found.of_box(pixels, BOX, None)["neighbours"]) == 5


def test_a_run_of_cross_validation_shows_the_first_folds_maps(tmp_path: Path, pixels: FilmPixels) -> None:
    for fold in (1, 2):
        write_model(tmp_path / f"fold_{fold}", seed=fold)
    found = prepared(tmp_path)
    assert (found.heat.state, found.heat.said) == ("ready", "of the network of fold 1")
    assert found.neighbours.state == "missing"
    answer = found.of_box(pixels, BOX, None)
    assert answer["calibrated"] is False
    assert "neighbours" not in answer


def test_an_exported_version_brings_its_runs_decisions(read_run: Path, tmp_path: Path) -> None:
    """By its model card; so does the folder of its versions, of which the last one counts."""
    metrics = json.loads((read_run / "metrics.json").read_text())
    for version, temperature in ((1, 9.0), (2, TEMPERATURE)):
        card = tmp_path / str(version) / "assets.extra" / "model_card.json"
        card.parent.mkdir(parents=True)
        own = metrics | {"locked": metrics["locked"] | {"temperature": temperature}}
        card.write_text(json.dumps({"metrics": own}))
    assert decisions_of(tmp_path / "2") == decisions_of(tmp_path) == decisions_of(read_run)
    assert decisions_of(tmp_path / "1").temperature == 9


@pytest.mark.parametrize(("after", "taken"), [(0.6, None), (0.4, TEMPERATURE), (0.5, TEMPERATURE)])
def test_a_temperature_that_did_harm_on_held_out_rois_is_not_taken(
    read_run: Path, tmp_path: Path, after: float, taken: float | None
) -> None:
    losses = {name: {"log_loss": {"value": value}} for name, value in (("as_is", 0.5), ("temperature", after))}
    found = decisions_of(changed(read_run, tmp_path / "run", "metrics.json", calibration=losses))
    assert (found.temperature, found.tree()["calibration_harms"]) == (taken, taken is None)


def test_without_metrics_nothing_is_decided(tmp_path: Path) -> None:
    answer = decisions_of(tmp_path).of(("a", "b"), np.array([0.3, 0.7]))
    assert answer["calibrated"] is False
    assert answer["classes"][1] == {
        "name": "b", "probability": 0.7, "raw": 0.7, "threshold": None, "reached": None, "in_set": None,
    }  # fmt: skip


def test_sets_that_exclude_nothing_are_not_shown() -> None:
    assert Decisions(lowest={"a": 0.0, "b": 0.0}, coverage=0.9).tree()["coverage"] is None
    assert Decisions(lowest={"a": 0.0, "b": 0.1}, coverage=0.9).tree()["coverage"] == 0.9

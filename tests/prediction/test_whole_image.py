"""Whole radiographs and models of regions: refused unless stated, in Python, in the commands, in bundle and client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.serving_helpers import Running, b64, start
from support.small_run import write_model

from keras_cwp.cli.main import cli
from keras_cwp.config import Config, DataConfig, dump_config
from keras_cwp.data.prepare import prepare
from keras_cwp.errors import DataError
from keras_cwp.files import write_text
from keras_cwp.prediction.card import CARD_FILE, contract_of, model_card
from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.prediction.predict import predict
from keras_cwp.prediction.regions import find_regions
from keras_cwp.prediction.whole_image import check_whole_images
from keras_cwp.scores import Scores
from keras_cwp.serving.bundle import write_bundle_files
from keras_cwp.serving.export import write_saved_model
from keras_cwp.serving.signatures import WHOLE_IMAGE
from keras_cwp.training.network import seen_of_radiographs
from keras_cwp.training.run import ModelContract
from keras_cwp.training.saved import load_with_contract

SIDE = 200  # of the radiographs below, pixels
REGIONS = {"region_share": (0.02, 0.05, 0.1), "film_px": SIDE * SIDE}
WHOLE = {"region_share": (0.9, 1.0, 1.0), "film_px": SIDE * SIDE}


@pytest.fixture(scope="module")
def of_regions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN that was trained on small regions."""
    run = tmp_path_factory.mktemp("of_regions")
    write_model(run, **REGIONS)
    write_text(run / "config.yaml", dump_config(Config()))
    return run


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for seed in range(2):
        rough = np.random.default_rng(seed).uniform(0, 255, (9, 9))
        cv2.imwrite(str(folder / f"{seed}.png"), cv2.resize(rough, (SIDE, SIDE)).astype(np.uint8))
    (folder / "rois.csv").write_text("image,x,y,width,height\n0.png,10,20,40,40\n1.png,90,80,50,30\n")
    (folder / "mixed.csv").write_text("image,x,y,width,height\n0.png,10,20,40,40\n1.png,,,,\n")
    return folder


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(cli, [command, *map(str, arguments)])


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_the_commands_refuse_whole_images_unless_stated(
    command: str, of_regions: Path, films: Path, tmp_path: Path
) -> None:
    refused = run(command, of_regions, films / "0.png", films / "1.png", "--out", tmp_path / "out")
    assert refused.exit_code == 1
    message = str(refused.exception)
    assert "2 images have no box, such as" in message
    assert "trained on regions of 2.0% to 10.0% of a radiograph" in message
    assert "--whole-image" in message
    assert not (tmp_path / "out").exists()
    assert run(command, of_regions, films / "mixed.csv", "--out", tmp_path / "out").exit_code == 1
    stated = run(command, of_regions, films / "0.png", "--whole-image", "--out", tmp_path / "stated")
    assert stated.exit_code == 0, stated.output
    boxes = run(command, of_regions, films / "rois.csv", "--out", tmp_path / "boxes")
    assert boxes.exit_code == 0, boxes.output


def test_python_refuses_them_alike(of_regions: Path, films: Path) -> None:
    predictor, regions = open_predictor(of_regions), find_regions([films / "0.png"])

    def stop(error: DataError, _: int) -> None:
        raise error

    with pytest.raises(DataError, match="1 image has no box"):
        predict(predictor, regions, refuse=stop)
    assert len(predict(predictor, regions, whole_image=True, refuse=stop)[0]) == 1


def test_a_run_that_does_not_say_is_noted(fit_run: Path, films: Path, tmp_path: Path) -> None:
    result = run("predict", fit_run, films / "0.png", "--out", tmp_path / "s.csv")
    assert result.exit_code == 0
    assert "note: 1 image has no box and is scored whole; the model does not say" in result.stderr
    assert "note:" not in run("predict", fit_run, films / "rois.csv", "--out", tmp_path / "t.csv").stderr


def test_a_model_of_whole_images_takes_them_without_a_word(films: Path) -> None:
    contract = ModelContract(("a", "b"), 64, 0.25, "pad", None, "", **WHOLE)
    notes: list[str] = []
    check_whole_images(find_regions([films / "0.png"]), contract, False, notes.append)
    assert (contract.of_regions, notes) == (False, [])


def test_the_contract_and_the_card_carry_it(of_regions: Path) -> None:
    contract = ModelContract.read(of_regions)
    assert (contract.region_share, contract.film_px) == (REGIONS["region_share"], REGIONS["film_px"])
    card = json.loads(json.dumps(model_card(of_regions, contract, "normal", None)))
    assert card["input"]["region_share"] == [0.02, 0.05, 0.1]
    assert contract_of(card) == contract
    del card["input"]["region_share"], card["input"]["film_px"]
    assert contract_of(card).region_share is None


def test_training_measures_what_its_regions_cover(films: Path, tmp_path: Path) -> None:
    rows = ["image,patient_id,label,x,y,width,height", "0.png,p,a,0,0,20,20", "1.png,q,b,0,0,100,200", "0.png,p,a,,,,"]
    (tmp_path / "rois.csv").write_text("\n".join(rows) + "\n")
    data = prepare(tmp_path / "rois.csv", films, tmp_path / "data", DataConfig(image_size=32))
    share, film_px = seen_of_radiographs(data, np.arange(3))
    assert film_px == SIDE * SIDE
    assert share == pytest.approx(np.quantile([0.01, 0.5, 1.0], (0.05, 0.5, 0.95)))
    alone = [index for index, row in enumerate(data.manifest) if row.width == 20]
    assert seen_of_radiographs(data, np.array(alone))[0] == pytest.approx((0.01, 0.01, 0.01))


@pytest.fixture(scope="module")
def bundle(of_regions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("saved_models") / "cwp"
    network, contract = load_with_contract(of_regions)
    write_saved_model(network, contract, "normal", folder / "1")
    write_text(folder / "1" / CARD_FILE, json.dumps(model_card(of_regions, contract, "normal", None)))
    write_bundle_files(folder)
    with start([folder]) as running:
        yield running


def statuses(bundle: Running, signature: str, *rows: dict[str, Any]) -> list[str]:
    status, found = bundle.post("/v1/models/cwp:predict", {"signature_name": signature, "instances": list(rows)})
    assert status == 200, found
    return [row["status"] for row in found["predictions"]]


def png(side: int) -> dict[str, str]:
    pixels = np.arange(side * side).reshape(side, side) % 251
    return b64(bytes(cv2.imencode(".png", pixels.astype(np.uint8))[1]))


def test_the_server_says_it_by_a_status_and_answers_the_neighbours(bundle: Running) -> None:
    film, crop, no_box = png(SIDE), png(50), [float("nan")] * 4
    assert statuses(bundle, "serving_default", {"image_bytes": film}, {"image_bytes": crop}) == [WHOLE_IMAGE, "ok"]
    rows = ({"image_bytes": film, "box": box} for box in (no_box, [5, 5, 50, 50], [0, 0, SIDE, SIDE]))
    assert statuses(bundle, "roi_bytes", *rows) == [WHOLE_IMAGE, "ok", "ok"]
    examples = [{"image_bytes": film}, {"image_bytes": film, "box": [5, 5, 50, 50]}, {"image_bytes": crop}]
    _, found = bundle.post("/v1/models/cwp:regress", {"signature_name": "regress", "examples": examples})
    assert np.isfinite(found["results"]).tolist() == [False, True, True]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_the_client_refuses_them_unless_stated(scheme: str, bundle: Running, films: Path, tmp_path: Path) -> None:
    port = bundle.server.rest_port if scheme == "http" else bundle.server.grpc_port
    model = f"{scheme}://127.0.0.1:{port}/cwp"
    refused = run("predict", model, films / "mixed.csv", "--out", tmp_path / "s.csv")
    assert refused.exit_code == 1
    assert f"left out: image {films / '1.png'}: the server says: the image has no box" in refused.stderr
    assert Scores.from_csv(tmp_path / "s.csv").image.tolist() == ["0.png"]
    stated = run("predict", model, films / "mixed.csv", "--whole-image", "--out", tmp_path / "t.csv")
    assert stated.exit_code == 0, stated.output
    assert len(Scores.from_csv(tmp_path / "t.csv")) == 2

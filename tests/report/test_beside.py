from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import keras
import pytest
from rich.console import Console

from keras_cwp.config import Config, DataConfig, EvaluateConfig, ModelConfig, SplitConfig, TrainConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepare import prepare
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import write_weights
from keras_cwp.report.run_report import evaluate_run
from keras_cwp.training.beside import probe_run
from keras_cwp.training.crossval import cross_validate

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.mark.slow
def test_a_probe_has_a_report_and_stands_beside_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path / "cache"))
    keras.utils.set_random_seed(0)
    write_weights(build_model(ModelConfig(), 3, 64), tmp_path / "w.safetensors", head=False)
    table = draw_phantoms(tmp_path / "drawn", patients=12, side_px=128, radiographs=(1, 1), rois=(2, 3))
    data = prepare(table, table.parent / "images", tmp_path / "data", DataConfig(image_size=64))
    config = Config(
        data=DataConfig(image_size=64, classes=data.classes),
        split=SplitConfig(folds=2, validation=0.4),
        model=ModelConfig(weights=str(tmp_path / "w.safetensors")),
        train=TrainConfig(mode="probe"),
        evaluate=EvaluateConfig(bootstraps=100, examples=1),
    )
    run = cross_validate(data, config, tmp_path / "run", Console(quiet=True))
    sentence, page = evaluate_run(run)
    assert "Beside it" not in sentence
    text = page.read_text(encoding="utf-8")
    assert 'id="training"' not in text  # it has no epochs to draw
    tree = json.loads(re.search(r'id="case-data">(.*?)</script>', text, re.DOTALL)[1])
    assert {case["roi"] for case in tree["cases"]} == set(run.scores.roi_id.tolist())
    assert all(picture.startswith("data:image/webp") for _, _, picture in tree["films"])
    maps = run.metrics["heat_maps"]
    assert (maps["rois"], maps["patients"], maps["method"]) == (len(data), 12, "layercam")
    shown = sum(case["map"] != "" for case in tree["cases"])
    assert shown == (maps["beaten"] if maps["shown"] else 0)
    assert maps["verdict"] in " ".join(text.split())

    shutil.copytree(run.path, probe_run(run.path))
    sentence, page = evaluate_run(run)
    assert "Beside it stands a linear probe of frozen ImageNet features on the same folds" in sentence
    assert "the probe" in run.metrics["baseline"]
    assert (probe_run(run.path) / "comparison.html").is_file()
    assert "Beside it stands a linear probe" in page.read_text(encoding="utf-8")

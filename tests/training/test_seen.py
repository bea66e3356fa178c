from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keras_cwp.audit.checks import audit, passed
from keras_cwp.config import Config, DataConfig, ModelConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepare import prepare
from keras_cwp.models import weight_notes
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import write_weights
from keras_cwp.models.weight_notes import LOOKS
from keras_cwp.report.cautions import cautions
from keras_cwp.training.network import check_buildable
from keras_cwp.training.seen import radiographs_seen


def test_radiographs_that_the_weights_were_made_from_are_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = draw_phantoms(tmp_path / "drawn", patients=6, side_px=128, radiographs=(1, 1), rois=(1, 1))
    data = prepare(table, table.parent / "images", tmp_path / "data", DataConfig(image_size=64))
    looks = data.manifest.texts("look").tolist()
    network = build_model(ModelConfig(), 3, 64)
    write_weights(network, tmp_path / "w.safetensors", head=False, notes={LOOKS: "\n".join(looks)})
    config = Config(model=ModelConfig(weights=str(tmp_path / "w.safetensors")))
    assert radiographs_seen(config.model, data) == len(set(looks))
    check_buildable(config, data)
    assert (
        f"{len(set(looks))} radiographs of {data.path} look like some that these weights were made from" in caplog.text
    )
    assert radiographs_seen(ModelConfig(), data) == 0
    assert radiographs_seen(ModelConfig(arch="resnet50", weights="imagenet"), data) == 0
    write_weights(network, tmp_path / "w.safetensors", head=False)
    assert radiographs_seen(config.model, data) == 0


def test_audit_and_report_say_it_of_the_shipped_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = draw_phantoms(tmp_path / "drawn", patients=6, side_px=128, radiographs=(1, 1), rois=(1, 1))
    data = prepare(table, table.parent / "images", tmp_path / "data", DataConfig(image_size=64))
    meaning = "no radiograph looks like one that the shipped weights (model.weights cxr) were made from"
    monkeypatch.setattr(weight_notes, "SHIPPED", tmp_path / "weights")
    assert meaning in passed(audit(data), data)
    looks = data.manifest.texts("look").tolist()
    network = build_model(ModelConfig(), 3, 64)
    path = tmp_path / "weights" / "shufflenet_v2_x0_5_cxr.safetensors"
    write_weights(network, path, head=False, notes={LOOKS: "\n".join(looks[:2])})
    findings = audit(data)
    (seen,) = [finding for finding in findings if finding.check == "seen by shipped weights"]
    assert seen.level == "note"
    assert seen.count >= 2  # small phantoms look alike
    assert meaning not in passed(findings, data)
    assert any("look like some that the weights" in said for said in cautions(small_metrics() | {"seen_by_weights": 2}))


def small_metrics() -> dict[str, Any]:
    metric = {"value": 0.9, "ci95": [0.8, 1.0]}
    counts = {"per_class": {}, "unlabelled_rois": 0}
    return {"counts": counts, "auc": {"macro": metric}, "accuracy": metric, "thresholds": {"chosen_on": "all"}}

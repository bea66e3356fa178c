"""A whole small search on phantoms by the command, and its page; a second call after it is refused as cv does."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from keras_cwp.api.data import draw_phantoms, prepare
from keras_cwp.cli.main import cli
from keras_cwp.training.run import RunFolder

pytestmark = pytest.mark.usefixtures("small_network")

pytest.importorskip("optuna", reason="Optuna is not installed; pip install '.[search]'")


@pytest.mark.slow
def test_search_on_phantoms(tmp_path):
    rois = draw_phantoms(tmp_path / "phantoms", patients=16, side_px=128)
    data = prepare(rois, tmp_path / "phantoms" / "images", tmp_path / "data", image_size=32)
    (tmp_path / "space.yaml").write_text("train.learning_rate: {log: [1.0e-4, 1.0e-1]}\nmodel.dropout: [0.0, 0.3]\n")
    arguments = ["search", "--data", str(data.path), "--out", str(tmp_path / "run"), "--space"]
    options = ["--trials", "2", "--folds", "2", "--inner", "2", "--epochs", "1", "--quiet"]
    few = ["--set", "evaluate.bootstraps=100", "--set", "evaluate.examples=0"]
    answer = CliRunner().invoke(cli, [*arguments, str(tmp_path / "space.yaml"), *options, *few])
    assert answer.exit_code == 0, answer.output
    run = RunFolder(tmp_path / "run")
    assert run.complete
    page = (tmp_path / "run" / "search.html").read_text()
    assert "4 trials in 2 outer folds" in page
    for fold in (1, 2):
        lines = (tmp_path / "run" / "tables" / f"search_fold_{fold}.csv").read_text().splitlines()
        assert lines[0] == "trial,AUC,state,epochs trained,train.learning_rate,model.dropout"
        assert len(lines) == 3
        assert sum(",chosen," in line for line in lines) == 1
    assert "the configuration among 2 that a search drew" in (tmp_path / "run" / "report.html").read_text()
    (tmp_path / "empty.yaml").write_text("")
    answer = CliRunner().invoke(cli, [*arguments, str(tmp_path / "empty.yaml"), *options])
    assert answer.exit_code == 1
    assert str(answer.exception).startswith(f"space {tmp_path / 'empty.yaml'}: it is empty; give keys such as")

"""What a notebook user imports: names, quick start, the flow in a handful of lines."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

import keras_cwp as cwp
from keras_cwp.config import Config
from keras_cwp.schema import is_section

pytestmark = pytest.mark.usefixtures("small_network")

TINY = {"image_size": 32, "bootstraps": 100, "batch_size": 8, "epochs": 1}


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api") / "phantoms"
    cwp.draw_phantoms(folder, 18, 3, side_px=128, radiographs=(1, 1), rois=(2, 3))
    return folder


@pytest.fixture(scope="module")
def data(phantoms: Path):
    return cwp.prepare(
        str(phantoms / "rois.csv"), images=str(phantoms / "images"), out=phantoms / "data", image_size=32
    )


@pytest.fixture(scope="module")
def run(data, phantoms: Path) -> cwp.Run:
    return cwp.fit(data, str(phantoms / "runs" / "first"), **TINY)


@pytest.fixture(scope="module")
def film(phantoms: Path) -> Path:
    return sorted((phantoms / "images").iterdir())[0]


def clean_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout


def test_every_public_name_is_there_and_has_a_docstring():
    for name in cwp.__all__:
        assert hasattr(cwp, name), name
        if name != "__version__":
            assert getattr(cwp, name).__doc__, name
    assert set(cwp.__all__) <= set(dir(cwp))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cwp.nothing  # noqa: B018


def test_import_starts_nothing():
    slow = "{'tensorflow', 'keras', 'numpy', 'pandas', 'pydantic'}"
    assert clean_process(f"import sys, keras_cwp; print(sorted({slow} & set(sys.modules)))").strip() == "[]"


def test_a_keyword_is_the_name_of_one_key_only():
    sections = {name: field.annotation for name, field in Config.model_fields.items()}
    keys = [key for section in sections.values() if is_section(section) for key in section.model_fields]
    assert len(keys) == len(set(keys))


def test_run_offers_metrics_scores_and_report(run: cwp.Run):
    assert 0 <= run.metrics["auc"]["macro"]["value"] <= 1
    assert isinstance(run.scores, pd.DataFrame)
    probabilities = run.scores[[f"prob_{name}" for name in run.classes]]
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1)
    assert set(run.scores["predicted"]) <= set(run.classes)
    assert len(run.history) == 1
    assert run.config.train.epochs == 1
    assert Path(run.report()) == run.path / "report.html"
    assert "<iframe" in run._repr_html_()
    assert run.summary in repr(run)


def test_a_run_opens_again(run: cwp.Run):
    again = cwp.Run(str(run.path))
    assert again.metrics == run.metrics
    assert again.summary == run.summary


def test_predict_boxes_agrees_with_the_table_of_the_same_boxes(run: cwp.Run, phantoms: Path, film: Path):
    table = pd.read_csv(phantoms / "rois.csv")
    own = table[table["image"] == film.name]
    boxes = list(own[["x", "y", "width", "height"]].itertuples(index=False, name=None))
    model = cwp.load(run.path)
    found = model.predict(str(film), boxes=boxes)
    assert list(found.columns[:8]) == [
        "roi_id", "image", "x", "y", "width", "height", "predicted", "probability",
    ]  # fmt: skip
    own.to_csv(phantoms / "own.csv", index=False)
    by_table = model.predict(phantoms / "own.csv", images=phantoms / "images")
    names = [f"prob_{name}" for name in run.classes]
    assert found[names].to_numpy() == pytest.approx(by_table[names].to_numpy(), abs=1e-12)
    assert found["probability"].to_numpy() == pytest.approx(found[names].max(axis=1).to_numpy())


@pytest.mark.parametrize("boxes", [[(1, 2, 3)], ["box"], [(1, 2, 3, "x")]])
def test_a_box_that_is_none_is_refused(run: cwp.Run, film: Path, boxes: list):
    with pytest.raises(cwp.CwpError, match=r"boxes\[0\]: expected \(x, y, width, height\), got"):
        cwp.load(run.path).predict(film, boxes=boxes)


def test_explain_and_export(run: cwp.Run, film: Path, tmp_path: Path):
    model = cwp.load(run.path)
    index = model.explain(film, tmp_path / "maps", boxes=[(10, 10, 40, 40)])
    assert (tmp_path / "maps" / index["file"][0]).is_file()
    assert model.export(tmp_path / "onnx", format="onnx") == tmp_path / "onnx" / "1"
    assert cwp.load(tmp_path / "onnx").classes == run.classes
    with pytest.raises(cwp.CwpError, match="format 'pmml': expected savedmodel, onnx, litert"):
        model.export(tmp_path / "other", format="pmml")


def test_fit_is_silent_without_a_console(data, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    cwp.fit(data, tmp_path / "run", **TINY)
    assert capfd.readouterr() == ("", "")


def test_fit_tells_a_console(data, tmp_path: Path):
    said = io.StringIO()
    cwp.fit(data, tmp_path / "run", console=Console(file=said, width=200), **TINY)
    assert "epoch 1/1 · loss" in said.getvalue()
    assert "held out" in said.getvalue()


def test_unknown_keyword_asks_for_the_nearest(data, tmp_path: Path):
    with pytest.raises(cwp.CwpError, match="'epoch': no such key; did you mean 'epochs'"):
        cwp.fit(data, tmp_path / "run", epoch=3)
    assert not (tmp_path / "run").exists()


def test_keras_loads_a_model_after_import_keras_cwp_alone(run: cwp.Run):
    for order in ("import keras_cwp, keras", "import keras, keras_cwp"):
        code = f"{order}; print(keras.models.load_model({str(run.path / 'model.keras')!r}).output_shape)"
        assert clean_process(code).strip() == "(None, 3)"

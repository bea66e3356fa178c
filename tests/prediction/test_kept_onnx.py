"""The ONNX form that a run keeps: the same scores, no TensorFlow, and never another network's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from support.small_run import CONTEXT, IMAGE_SIZE, write_model

from keras_cwp.augment.layer import load_policy
from keras_cwp.augment.tta import VIEWS_POLICY, mean_probabilities, view_matrices
from keras_cwp.cli.main import cli
from keras_cwp.config import Config, dump_config
from keras_cwp.data.crops import margin_px
from keras_cwp.prediction import onnx_format, open_model
from keras_cwp.prediction.kept_onnx import keep_onnx
from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.prediction.views import mean_of_views
from keras_cwp.scores import Scores

pytest.importorskip("onnxruntime", reason="no ONNX Runtime: pip install '.[onnx]'")
MARGIN = margin_px(IMAGE_SIZE, CONTEXT)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN whose figures are of three views, with its ONNX form."""
    run = tmp_path_factory.mktemp("kept") / "run"
    write_model(run, views=3)
    (run / "config.yaml").write_text(dump_config(Config()))
    assert keep_onnx(run) == [run / "model.onnx"]
    return run


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for seed in range(3):
        rough = np.random.default_rng(seed).uniform(0, 255, (9, 9))
        cv2.imwrite(str(folder / f"{seed}.png"), cv2.resize(rough, (150, 120)).astype(np.uint8))
    rows = ["image,x,y,width,height", "0.png,10,12,40,30", "1.png,60,50,50,50", "2.png,0,0,150,120"]
    (folder / "rois.csv").write_text("\n".join(rows) + "\n")
    return folder


def scored(model: Path, images: Path, out: Path, *options: object) -> np.ndarray:
    arguments = ["predict", model, images / "rois.csv", "--out", out, *options]
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return Scores.from_csv(out).probabilities


@pytest.mark.parametrize("views", [None, 1, 2, 5])
def test_it_gives_the_scores_of_the_keras_file(views: int | None, run: Path, images: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(run, plain)
    (plain / "model.onnx").unlink()
    options = () if views is None else ("--tta", views)
    kept = scored(run, images, tmp_path / "a.csv", *options)
    np.testing.assert_allclose(kept, scored(plain, images, tmp_path / "b.csv", *options), atol=1e-5)
    assert kept.std(axis=0).max() > 0.01


@pytest.mark.parametrize("views", [2, 6])
def test_views_by_numpy_are_those_of_tensorflow(views: int) -> None:
    crops = np.random.default_rng(1).uniform(0, 1, (3, IMAGE_SIZE + 2 * MARGIN, IMAGE_SIZE + 2 * MARGIN, 1))
    crops = crops.astype(np.float32)
    weights = np.random.default_rng(2).normal(size=(IMAGE_SIZE * IMAGE_SIZE, 2)) / IMAGE_SIZE

    def ask(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(pixels).reshape(len(pixels), -1).astype(np.float64) @ weights

    expected = mean_probabilities(ask, crops, load_policy(VIEWS_POLICY), IMAGE_SIZE, MARGIN, views)
    found = mean_of_views(ask, crops, view_matrices(IMAGE_SIZE, MARGIN, views).tolist(), IMAGE_SIZE, MARGIN)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - ask(crops[:, MARGIN:-MARGIN, MARGIN:-MARGIN])).max() > 1e-3


def test_no_tensorflow_is_imported(run: Path, images: Path, tmp_path: Path) -> None:
    arguments = ["predict", str(run), str(images / "rois.csv"), "--out", str(tmp_path / "s.csv")]
    code = (
        "import sys\nfrom keras_cwp.cli.main import cli\ntry:\n"
        f"    cli.main({arguments!r}, standalone_mode=False)\nexcept SystemExit as end:\n    assert not end.code\n"
        "found = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)\nassert not found, found\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert len(Scores.from_csv(tmp_path / "s.csv")) == 3


def test_a_form_of_another_network_is_not_taken(run: Path, images: Path, tmp_path: Path) -> None:
    other, plain = tmp_path / "other", tmp_path / "plain"
    for folder in (other, plain):
        write_model(folder, seed=7)
    shutil.copy(run / "model.onnx", other / "model.onnx")
    found = scored(other, images, tmp_path / "a.csv")
    np.testing.assert_array_equal(found, scored(plain, images, tmp_path / "b.csv"))


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_damaged_form_is_not_taken(content: bytes | None, run: Path, images: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(run, damaged)
    whole = (run / "model.onnx").read_bytes()
    (damaged / "model.onnx").write_bytes(whole[: len(whole) // 2] if content is None else content)
    found = scored(damaged, images, tmp_path / "a.csv")
    np.testing.assert_allclose(found, scored(run, images, tmp_path / "b.csv"), atol=1e-5)


def test_every_fold_of_a_cv_run_is_kept_and_averaged(images: Path, tmp_path: Path) -> None:
    for fold in (1, 2):
        write_model(tmp_path / "cv" / f"fold_{fold}", seed=fold, region_share=(0.1 * fold, 0.2, 0.3))
    expected = scored(tmp_path / "cv", images, tmp_path / "a.csv")
    assert len(keep_onnx(tmp_path / "cv")) == 2
    np.testing.assert_allclose(scored(tmp_path / "cv", images, tmp_path / "b.csv"), expected, atol=1e-5)
    assert open_predictor(tmp_path / "cv").engine == onnx_format.engine_name()


def test_a_gpu_leaves_it_to_tensorflow(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(open_model, "_GPU_DEVICES", (Path("/dev/null"),))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert open_predictor(run).engine.startswith("TensorFlow")


def test_nothing_is_kept_without_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "run")
    monkeypatch.setattr(onnx_format, "is_installed", lambda: False)
    assert keep_onnx(tmp_path / "run") == []
    assert not (tmp_path / "run" / "model.onnx").exists()


@pytest.mark.parametrize("error", ["ModuleNotFoundError", "ImportError", "AttributeError", "OSError"])
def test_where_onnx_runtime_cannot_be_imported_tensorflow_answers(
    error: str, run: Path, images: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken" / "onnxruntime"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(f"raise {error}('no such library')\n")
    path = os.pathsep.join([str(broken.parent), *sys.path])
    code = "import sys, keras_cwp.prediction.onnx_format as it; print(it.is_installed())"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    if error != "ModuleNotFoundError":
        return  # one run of the whole command is enough: it takes TensorFlow's import
    words = ["predict", str(run), str(images / "rois.csv"), "--out", str(tmp_path / "s.csv")]
    command = [sys.executable, "-m", "keras_cwp", *words]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, "TensorFlow" in done.stdout, "Traceback" in done.stderr) == (0, True, False), done.stderr

"""predict's table as Parquet: the same columns and numbers as the CSV, and one line without PyArrow."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_cwp.cli.main import cli


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 80), dtype=np.uint8)).save(path)
    return path


def predict(*arguments):
    return CliRunner().invoke(cli, ["predict", *map(str, arguments), "--whole-image"])


def test_beside_the_csv_and_by_the_ending(fit_run, film, tmp_path):
    pytest.importorskip("pyarrow", reason="PyArrow is not installed; pip install '.[cluster]'")
    assert predict(fit_run, film, "--out", tmp_path / "s.csv", "--parquet").exit_code == 0
    assert predict(fit_run, film, "--out", tmp_path / "alone.parquet").exit_code == 0
    assert not (tmp_path / "alone.csv").exists()
    written = pd.read_csv(tmp_path / "s.csv")
    for name in ("s.parquet", "alone.parquet"):
        table = pd.read_parquet(tmp_path / name)
        assert list(table) == list(written)
        pd.testing.assert_frame_equal(table, written, check_dtype=False, check_exact=True)
        assert table["prob_normal"].dtype == np.float64


def test_what_cannot_be(fit_run, film, tmp_path, monkeypatch):
    answer = predict(fit_run, film, "--out", tmp_path / "s.parquet", "--parquet")
    assert (answer.exit_code, "leave --parquet out" in answer.output) == (2, True)
    answer = predict("http://localhost:1/v1/models/m", film, "--out", tmp_path / "s.parquet")
    assert (answer.exit_code, "add --parquet" in answer.output) == (2, True)
    answer = predict("http://localhost:1/v1/models/m", film, "--out", tmp_path / "s.csv", "--cluster", "ray")
    assert (answer.exit_code, "not on a server" in answer.output) == (2, True)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    answer = predict(fit_run, film, "--out", tmp_path / "s.csv", "--parquet")
    assert answer.exit_code == 1
    assert str(answer.exception).startswith("--parquet: Parquet is written by PyArrow, which is not installed; pip")
    assert not (tmp_path / "s.csv").exists()

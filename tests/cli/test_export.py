"""keras-cwp export: what it prints, which version it takes, how its errors read."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keras_cwp.cli.main import cli
from keras_cwp.errors import ServingError
from keras_cwp.serving import export as exporting
from keras_cwp.serving.verify import Verified


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["export", *map(str, arguments)])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the graph and without the check, which tests/serving has."""

    def write(*arguments: object) -> None:
        folder = arguments[-1]
        assert isinstance(folder, Path)
        (folder / "saved_model.pb").touch()

    monkeypatch.setattr(exporting, "write_saved_model", write)
    monkeypatch.setattr(exporting, "verify", lambda *_: Verified({"pixels": 3e-7}, {"pixels": 6}, []))
    monkeypatch.setattr(exporting, "sign_onnx", lambda *_: None)


@pytest.mark.usefixtures("quick")
def test_versions_count_up_and_the_path_comes_last(fit_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "saved_models" / "cwp"
    for version in ("1", "2"):
        result = run(fit_run, "--out", out)
        assert result.exit_code == 0, result.output
        assert result.stdout.strip() == str(out / version)
    assert "largest difference of a probability 3e-07; 6 warm-up records answered" in result.stderr
    assert run(fit_run, "--out", out, "--version", 7).stdout.strip() == str(out / "7")
    assert run(fit_run, "--out", out).stdout.strip() == str(out / "8")


@pytest.mark.usefixtures("quick")
def test_a_version_that_exists_is_refused(fit_run: Path, tmp_path: Path) -> None:
    run(fit_run, "--out", tmp_path / "cwp")
    result = run(fit_run, "--out", tmp_path / "cwp", "--version", 1)
    assert isinstance(result.exception, ServingError)
    assert "never overwritten" in str(result.exception)


def test_a_version_starts_at_one(fit_run: Path, tmp_path: Path) -> None:
    assert run(fit_run, "--out", tmp_path / "cwp", "--version", 0).exit_code == 2


@pytest.mark.usefixtures("quick")
def test_views_are_for_the_bundle_alone(fit_run: Path, tmp_path: Path) -> None:
    assert run(fit_run, "--out", tmp_path / "cwp", "--views", 4).exit_code == 0
    refused = run(fit_run, "--out", tmp_path / "cwp_onnx", "--format", "onnx", "--views", 4)
    assert refused.exit_code == 2
    assert "--views is for --format savedmodel; a model of --format onnx is the network alone" in refused.stderr
    assert not (tmp_path / "cwp_onnx").exists()

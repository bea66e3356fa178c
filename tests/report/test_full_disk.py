"""A disk that is full while results are written: one error, and the folder is as it was before."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from keras_cwp import files
from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import CwpError
from keras_cwp.files import updated_folder, write_text
from keras_cwp.report.compared_run import ComparedRun
from keras_cwp.report.comparison import write_comparison
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.sections import write_report


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch):
    """Call with n: the disk takes n more files."""
    real = files.os.fsync

    def after(writes: int) -> None:
        left = [writes]

        def fsync(descriptor: int) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(files.os, "fsync", fsync)

    return after


@pytest.mark.parametrize("writes", [0, 3, 7])
def test_a_comparison_is_written_whole_or_not_at_all(run: ReportInput, tmp_path: Path, full, writes: int) -> None:
    runs = [
        ComparedRun("a", run.scores),
        ComparedRun("b", replace(run.scores, probabilities=run.scores.probabilities[::-1])),
    ]
    full(writes)
    with pytest.raises(CwpError, match=r"cannot write .*/out/.*: No space left on device"):
        write_comparison(runs, EvaluateConfig(bootstraps=100), 0, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_stood_in_the_folder_stays(run: ReportInput, tmp_path: Path, full) -> None:
    (tmp_path / "metrics.json").write_text("{}")
    full(2)

    def write() -> None:
        with updated_folder(tmp_path) as folder:
            write_text(folder / "metrics.json", json.dumps({"new": 1}))
            write_report(run, folder)

    with pytest.raises(CwpError, match=f"cannot write {tmp_path}/(figures|tables)/"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    assert (tmp_path / "metrics.json").read_text() == "{}"


def test_files_of_the_same_names_are_replaced_and_others_stay(tmp_path: Path) -> None:
    write_text(tmp_path / "run" / "figures" / "old.svg", "old")
    write_text(tmp_path / "run" / "report.html", "old")
    write_text(tmp_path / "run" / "model.keras", "network")
    with updated_folder(tmp_path / "run") as folder:
        write_text(folder / "figures" / "roc.svg", "new")
        write_text(folder / "tables" / "classes.csv", "new")
        write_text(folder / "report.html", "new")
    found = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        "run/figures/old.svg": "old", "run/figures/roc.svg": "new", "run/tables/classes.csv": "new",
        "run/report.html": "new", "run/model.keras": "network",
    }  # fmt: skip


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(CwpError, match="cannot write"), updated_folder(tmp_path / "out" / "below"):
        pass
    with pytest.raises(CwpError, match="out"), updated_folder(tmp_path / "out") as folder:
        write_text(folder / "a", "new")
    assert (tmp_path / "out").read_text() == "mine"

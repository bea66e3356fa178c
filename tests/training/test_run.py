"""The RUN folder: where its folds are."""

from __future__ import annotations

import pytest

from keras_cwp.errors import RunError
from keras_cwp.training.run import RunFolder, fold_folder, fold_folders


@pytest.fixture
def run(tmp_path):
    """A RUN that is called as a fold is."""
    folder = tmp_path / "fold_3"
    folder.mkdir()
    return folder


def put_model(folder) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "model.keras").write_bytes(b"")


def test_a_run_of_fit_is_its_own_folder(run):
    put_model(fold_folder(run, 0))
    assert RunFolder(run).folders_by_fold() == {0: run}
    assert RunFolder(run).model_folders() == [run]


def test_folds_come_in_the_order_of_their_numbers(run):
    for number in (10, 2, 1):
        put_model(fold_folder(run, number))
    fold_folder(run, 11).mkdir()
    (run / "fold_x").mkdir()
    assert list(fold_folders(run)) == [1, 2, 10, 11]
    assert RunFolder(run).folders_by_fold() == {1: run / "fold_1", 2: run / "fold_2", 10: run / "fold_10"}


def test_no_model(run):
    with pytest.raises(RunError, match=r"no model\.keras"):
        RunFolder(run).folders_by_fold()

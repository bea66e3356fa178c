"""Which files of a folder are scored, which are named because they are not read, which are no images."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage
from support.dicom_study import write_radiograph

from keras_cwp.cli.main import cli
from keras_cwp.errors import DataError
from keras_cwp.prediction.folders import image_files
from keras_cwp.prediction.regions import find_regions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.full((90, 80), 70, np.uint8))
    return folder


def found_in(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Names of the radiographs; errors; notes."""
    errors: list[str] = []
    notes: list[str] = []
    files = image_files(folder, lambda error, count: errors.extend([str(error)] * count), notes.append)
    return [file.relative_to(folder).as_posix() for file in files], errors, notes


def write_index(path: Path) -> None:
    """A DICOMDIR without records."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = "1.2.3", ExplicitVRLittleEndian
    index = pydicom.Dataset()
    index.file_meta = meta
    index.FileSetID = "CD"
    index.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("name", ["b.bmp", "b.BMP", "deeper/b.webp", "films.zip", "b.jp2"])
def test_an_image_of_a_type_that_is_not_read_is_named(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"BM")
    files, errors, notes = found_in(folder)
    assert (files, notes) == (["a.png"], [])
    (error,) = errors
    assert (
        f"image {folder / name}: files of the type {Path(name).suffix} are not read; convert it to one of .png" in error
    )


def test_the_command_ends_with_1_for_it(fit_run: Path, folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(folder / "b.bmp"), np.full((90, 80), 70, np.uint8))
    result = CliRunner().invoke(cli, ["predict", str(fit_run), str(folder), "--out", str(tmp_path / "s.csv")])
    assert result.exit_code == 1
    assert "left out: image" in result.stderr
    assert "b.bmp" in result.stderr
    assert "1 left out" in result.output
    assert (tmp_path / "s.csv").exists()


def test_from_python_it_is_an_error_unless_something_takes_it(folder: Path) -> None:
    (folder / "b.bmp").write_bytes(b"BM")
    with pytest.raises(DataError, match=r"files of the type \.bmp are not read"):
        find_regions([folder])


def test_tables_and_a_viewers_files_are_mentioned_together(folder: Path) -> None:
    for name in ("rois.csv", "viewer.exe", "README"):
        (folder / name).write_text("x")
    (folder / ".DS_Store").write_text("x")
    (folder / "__MACOSX").mkdir()
    (folder / ".hidden").mkdir()
    shutil.copy(folder / "a.png", folder / ".hidden" / "b.png")
    files, errors, notes = found_in(folder)
    assert (files, errors) == (["a.png"], [])
    assert notes == [f"{folder}: 3 files are no images, such as README"]


@pytest.mark.parametrize("name", ["DICOMDIR", "dicomdir", "INDEX"])
def test_a_dicomdir_is_an_index_and_no_lost_film(name: str, folder: Path) -> None:
    write_index(folder / name)
    write_radiograph(folder / "IMAGES" / "IM000001", "study")
    files, errors, notes = found_in(folder)
    assert (files, errors, notes) == (["IMAGES/IM000001", "a.png"], [], [])
    with pytest.raises(DataError, match="a DICOMDIR is the index of a folder of radiographs; name the folder"):
        find_regions([folder / name])


@pytest.mark.parametrize("name", ["x.ima", "x.1.2.840.113619", "x.dc3", "x"])
def test_dicom_under_any_suffix_is_read(name: str, folder: Path) -> None:
    write_radiograph(folder / name, "study")
    assert found_in(folder) == (sorted(["a.png", name]), [], [])

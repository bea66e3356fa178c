"""Notes on radiographs: one line for all of which the same is said, and what `prepare` says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from support.dicom_file import dicom

from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.data.radiographs.notes import lines_of
from keras_cwp.errors import DataError
from keras_cwp.prediction.regions import cut_regions, find_regions
from keras_cwp.training.run import ModelContract


def test_lines():
    said = {"a.dcm": ("one", "two"), "b.dcm": (), "c.dcm": ("two",), "d.dcm": ("three",)}
    assert lines_of(said) == [
        "image 'a.dcm': one",
        "2 of 4 radiographs (first: 'a.dcm'): two",
        "image 'd.dcm': three",
    ]
    assert lines_of({}) == []


def test_prepare_says_what_is_odd(tmp_path):
    """Of the header and of the pixels; and of the header again where crops are taken over from an earlier run."""
    pixels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    films = tmp_path / "films"
    films.mkdir()
    dicom(films / "a.dcm", pixels, PatientID="1", BurnedInAnnotation="YES")
    dicom(films / "b.dcm", pixels, PatientID="2", WindowCenter="90000", WindowWidth="2")
    Image.fromarray(pixels).save(films / "c.png")
    rows = ["image,patient_id,label", "a.dcm,1,normal", "b.dcm,2,opacity", "c.png,3,normal"]
    (tmp_path / "rois.csv").write_text("\n".join(rows))
    for expected in (
        ["(first: 'a.dcm'): Burned", "image 'b.dcm': its window", "image 'c.png': 16 bits"],
        ["(first: 'a.dcm'): Burned"],
    ):
        notes: list[str] = []
        prepare(tmp_path / "rois.csv", films, tmp_path / "data", DataConfig(image_size=32), note=notes.append)
        odd = [note for note in notes if any(f"'{name}" in note for name in ("a.dcm", "b.dcm", "c.png"))]
        assert len(odd) == len(expected)
        assert all(text in note for text, note in zip(expected, odd, strict=True))


def test_scoring_says_what_is_odd(tmp_path):
    """Once for all films that it is said of, after the last region; a DICOMDIR among them is no lost film."""
    pixels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    for name in "ab":
        dicom(tmp_path / f"{name}.dcm", pixels, BurnedInAnnotation="YES")
    index = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / "DICOMDIR"
    (tmp_path / "DICOMDIR").write_bytes(index.read_bytes())
    regions = find_regions([tmp_path])
    contract = ModelContract(("a", "b"), 32, 0.25, "pad", None, "")
    lost: list[DataError] = []
    notes: list[str] = []
    crops = list(cut_regions(regions, contract, lambda error, _: lost.append(error), note=notes.append))
    assert (len(crops), lost) == (2, [])
    assert len(notes) == 1
    assert notes[0].startswith("2 of 2 radiographs (first: ")
    assert "BurnedInAnnotation YES" in notes[0]

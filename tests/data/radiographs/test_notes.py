"""Notes on radiographs: one line for all of which the same is said, and what `prepare` says of them."""

from __future__ import annotations

import numpy as np
from PIL import Image
from support.dicom_file import dicom

from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.data.radiographs.notes import lines_of


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
        ["image 'a.dcm': Burned", "image 'b.dcm': its window", "image 'c.png': 16 bits"],
        ["image 'a.dcm'"],
    ):
        notes: list[str] = []
        prepare(tmp_path / "rois.csv", films, tmp_path / "data", DataConfig(image_size=32), note=notes.append)
        odd = [note for note in notes if "image '" in note]
        assert len(odd) == len(expected)
        assert all(text in note for text, note in zip(expected, odd, strict=True))

"""What `read_rois` does whatever the format: files, folders of images, other suffixes."""

from __future__ import annotations

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def test_no_table(tmp_path, images):
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_rois(tmp_path / "none.csv", images)


def test_no_images_folder(good_table, tmp_path):
    with pytest.raises(DataError, match=r"images folder .*none: no such folder"):
        read_rois(good_table, tmp_path / "none")


def test_other_suffix(tmp_path, images):
    (tmp_path / "rois.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"got '\.xlsx'"):
        read_rois(tmp_path / "rois.xlsx", images)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"a"', "[" * 100_000])
def test_other_json(text, tmp_path, images):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(DataError, match=r"c\.json: (cannot be read as JSON|neither COCO)"):
        read_rois(tmp_path / "c.json", images)


def test_the_same_regions_in_three_formats(shared):
    """cwp_sim says the same in CSV, COCO and LabelMe."""
    folder = shared / "data" / "cwp_sim"
    csv, coco_ = (read_rois(folder / name, folder / "images") for name in ("rois.csv", "rois_coco.json"))

    def said(rois, names=None):
        return sorted((r.image, r.patient_id, r.label, r.box) for r in rois if names is None or r.image in names)

    assert said(csv) == said(coco_)
    marks = read_rois(folder / "labelme", folder / "images")
    names = {roi.image for roi in marks}
    assert len(names) == 3
    assert [(i, lab, b) for i, _, lab, b in said(csv, names)] == [
        (i, lab, b) for i, lab, b in sorted((r.image, r.label, r.box) for r in marks)
    ]

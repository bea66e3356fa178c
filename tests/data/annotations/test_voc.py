"""Pascal VOC XML."""

from __future__ import annotations

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def voc(body: str, name: str = "a.png") -> str:
    return f"<annotation><filename>{name}</filename>{body}</annotation>"


def voc_object(xmin: object = 1, xmax: object = 10, name: str = "sick") -> str:
    box = f"<xmin>{xmin}</xmin><ymin>3</ymin><xmax>{xmax}</xmax><ymax>8</ymax>"
    return f"<object><name>{name}</name><bndbox>{box}</bndbox></object>"


def test_voc_counts_from_one_and_includes_the_last_pixel(tmp_path, images):
    (tmp_path / "a.xml").write_text(voc(voc_object() + voc_object(5, 5, "well")))
    rois = read_rois(tmp_path / "a.xml", images)
    assert [(roi.label, roi.box) for roi in rois] == [("sick", (0, 2, 10, 6)), ("well", (4, 2, 1, 6))]


def test_voc_folder(tmp_path, images):
    folder = tmp_path / "marks"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.xml").write_text(voc(voc_object(), f"{name}.png"))
    (folder / "c.xml").write_text(voc("", "gone.png"))
    assert [roi.image for roi in read_rois(folder, images)] == ["a.png", "b.png"]


BAD_VOC = {
    "no xml": ("<annotation>", "cannot be read as XML"),
    "other root": ("<svg/>", "the root is <svg>"),
    "entities": ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "document type declaration is not accepted"),
    "no name": (voc(voc_object(name=" ")), "object 1: it has no name"),
    "text": (voc(voc_object(xmin="left")), r"object 1: bndbox is \['left'"),
    "no box": (voc("<object><name>x</name></object>"), r"object 1: bndbox is \[None"),
    "reversed": (voc(voc_object(10, 1)), "object 1: the box .* has no area"),
    "image": (voc(voc_object(), "../a.png"), "leads out of the images folder"),
}


@pytest.mark.parametrize(("text", "message"), BAD_VOC.values(), ids=BAD_VOC)
def test_bad_voc(text, message, tmp_path, images):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match=rf"a\.xml.*{message}"):
        read_rois(tmp_path / "a.xml", images)


def test_turned_boxes_of_cvat_and_of_rolabelimg(tmp_path, images):
    turned = "<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>"
    box = "<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>30</ymax></bndbox>"
    own = "<robndbox><cx>25</cx><cy>25</cy><w>30</w><h>10</h><angle>1.5707963267948966</angle></robndbox>"
    body = f"<object><name>a</name>{turned}{box}</object><object><name>b</name>{own}</object>"
    (tmp_path / "a.xml").write_text(voc(body))
    notes: list[str] = []
    rois = read_rois(tmp_path / "a.xml", images, note=notes.append)
    assert [roi.box for roi in rois] == [pytest.approx((20, 10, 10, 30))] * 2
    assert any("2 boxes were drawn turned" in note for note in notes)


def test_a_name_without_suffix(tmp_path, images):
    (tmp_path / "a.xml").write_text(voc(voc_object(), "a"))
    assert read_rois(tmp_path / "a.xml", images)[0].image == "a.png"


def test_an_external_entity_is_refused(tmp_path, images):
    (tmp_path / "secret").write_text("secret")
    text = f'<!DOCTYPE a [<!ENTITY b SYSTEM "file://{tmp_path}/secret">]>' + voc(voc_object(name="&b;"))
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match="document type declaration is not accepted") as caught:
        read_rois(tmp_path / "a.xml", images)
    assert "secret/" not in str(caught.value)


def test_cvats_own_xml_is_named(tmp_path, images):
    (tmp_path / "a.xml").write_text("<annotations><version>1.1</version></annotations>")
    with pytest.raises(DataError, match="CVAT's own XML is not read, export as COCO or Pascal VOC"):
        read_rois(tmp_path / "a.xml", images)

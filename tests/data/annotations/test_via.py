"""VGG Image Annotator, versions 1 and 2."""

from __future__ import annotations

import csv
import json

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def via(shape: dict | None = None, attributes: object = None) -> dict:
    rect = {"name": "rect", "x": 1, "y": 2, "width": 30, "height": 4}
    region = {
        "shape_attributes": rect if shape is None else shape,
        "region_attributes": {"label": "sick"} if attributes is None else attributes,
    }
    return {"a.png123": {"filename": "a.png", "size": 123, "regions": [region]}}


def test_via_export_project_and_first_version(tmp_path, images):
    outline = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 3, 8]}
    first = via(attributes={"finding": "well"})
    first["a.png123"]["regions"] = {"0": first["a.png123"]["regions"][0]}
    for tree in (via(), {"_via_img_metadata": via()}):
        (tmp_path / "v.json").write_text(json.dumps(tree))
        assert [(r.label, r.box) for r in read_rois(tmp_path / "v.json", images)] == [("sick", (1, 2, 30, 4))]
    (tmp_path / "v.json").write_text(json.dumps(via(outline)))
    (roi,) = read_rois(tmp_path / "v.json", images)
    assert (roi.box, roi.polygon) == ((1, 2, 8, 6), ((1, 2), (9, 3), (5, 8)))
    (tmp_path / "v.json").write_text(json.dumps(first))
    assert read_rois(tmp_path / "v.json", images)[0].label == "well"


BAD_VIA = {
    "circle": (via({"name": "circle"}), "region 1: shape 'circle'"),
    "text": (via({"name": "rect", "x": "a", "y": 1, "width": 1, "height": 1}), "coordinates of its rect"),
    "uneven": (via({"name": "polygon", "all_points_x": [1], "all_points_y": [1, 2]}), "coordinates of its polygon"),
    "no points": (via({"name": "polygon", "all_points_x": [], "all_points_y": []}), "coordinates of its polygon"),
    "no class": (via(attributes={"a": "x", "b": "y"}), "no class: its attributes are .*--label-attribute"),
    "attributes": (via(attributes=[1]), r"region_attributes is \[1\]"),
    "regions": ({"k": {"filename": "a.png", "regions": 5}}, "regions that are no list"),
    "image": ({"k": {"filename": "../a.png", "regions": via()["a.png123"]["regions"]}}, "leads out"),
}


@pytest.mark.parametrize(("tree", "message"), BAD_VIA.values(), ids=BAD_VIA)
def test_bad_via(tree, message, tmp_path, images):
    (tmp_path / "v.json").write_text(json.dumps(tree))
    with pytest.raises(DataError, match=rf"v\.json.*{message}"):
        read_rois(tmp_path / "v.json", images)


def regions(*attributes: dict) -> dict:
    rect = {"name": "rect", "x": 1, "y": 2, "width": 30, "height": 4}
    listed = [{"shape_attributes": {**rect, "x": n}, "region_attributes": each} for n, each in enumerate(attributes)]
    return {"k": {"filename": "a.png", "size": -1, "regions": listed}}


def labels(tree: dict, tmp_path, images, **options) -> list[str]:
    (tmp_path / "v.json").write_text(json.dumps(tree))
    return [roi.label for roi in read_rois(tmp_path / "v.json", images, **options)]


def test_the_only_attribute_that_is_filled_in_is_the_class(tmp_path, images):
    tree = regions({"finding": "normal", "comment": ""}, {"finding": "sick", "comment": ""})
    assert labels(tree, tmp_path, images) == ["normal", "sick"]


def test_a_check_box_with_one_tick(tmp_path, images):
    tree = regions({"finding": {"normal": True, "sick": False}}, {"finding": {"sick": True}})
    assert labels(tree, tmp_path, images) == ["normal", "sick"]
    with pytest.raises(DataError, match=r"region 1: its attribute 'finding' has 2 ticks \(a, b\)"):
        labels(regions({"finding": {"a": True, "b": True}}), tmp_path, images)


def test_a_comment_beside_an_empty_class_is_no_class(tmp_path, images):
    tree = regions({"finding": "normal", "comment": ""}, {"finding": "", "comment": "blurred"})
    with pytest.raises(DataError, match=r"its attributes are \['finding', 'comment'\]; say with --label-attribute"):
        labels(tree, tmp_path, images)
    with pytest.raises(DataError, match="region 2: its attribute 'finding' has nothing, expected one class"):
        labels(tree, tmp_path, images, label_attribute="finding")
    assert labels(tree, tmp_path, images, label_attribute="finding", skip_bad=True) == ["normal"]


def test_an_attribute_that_is_nowhere(tmp_path, images):
    with pytest.raises(DataError, match=r"no region has a value of the attribute 'grade'; filled in are \['finding'\]"):
        labels(regions({"finding": "normal"}), tmp_path, images, label_attribute="grade")


def csv_line(name: str, shape: dict, attributes: dict) -> list[str]:
    return [name, "123", "{}", "1", "0", json.dumps(shape), json.dumps(attributes)]


@pytest.mark.parametrize("first", ["filename", "#filename"])
def test_csv_of_version_1_and_2(first, tmp_path, images):
    header = [first, "file_size", "file_attributes", "region_count", "region_id"]
    rect = {"name": "rect", "x": 1, "y": 2, "width": 30, "height": 4}
    outline = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 3, 8]}
    with open(tmp_path / "v.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*header, "region_shape_attributes", "region_attributes"])
        writer.writerow(csv_line("a.png", rect, {"finding": "sick"}))
        writer.writerow(csv_line("a.png", outline, {"finding": "well"}))
        writer.writerow(csv_line("b.png", {}, {}))  # a picture without a region
    rois = read_rois(tmp_path / "v.csv", images)
    assert [(roi.image, roi.label, roi.box) for roi in rois] == [
        ("a.png", "sick", (1, 2, 30, 4)),
        ("a.png", "well", (1, 2, 8, 6)),
    ]
    assert rois[1].polygon == ((1, 2), (9, 3), (5, 8))
    assert len({roi.roi_id for roi in rois}) == 2


def test_csv_cell_that_is_no_json(tmp_path, images):
    path = tmp_path / "v.csv"
    path.write_text('filename,region_shape_attributes,region_attributes\na.png,"{rect","{}"\n')
    with pytest.raises(DataError, match=r"v\.csv, line 2: region_shape_attributes is '\{rect', expected JSON"):
        read_rois(path, images)


def test_a_file_of_another_size_is_said(tmp_path, images):
    tree = regions({"finding": "x"})
    size = (images / "a.png").stat().st_size
    for stated, said in ((size, False), (size + 1, True), (-1, False)):
        tree["k"]["size"] = stated
        (tmp_path / "v.json").write_text(json.dumps(tree))
        notes: list[str] = []
        read_rois(tmp_path / "v.json", images, note=notes.append)
        assert any("another size in bytes" in note for note in notes) == said


def via3(av: dict | None = None, xy: list | None = None) -> dict:
    return {
        "project": {"pid": "x", "vid_list": ["1", "2"]},
        "config": {},
        "attribute": {
            "1": {"aname": "finding", "type": 4, "options": {"0": "normal", "1": "sick"}, "default_option_id": ""},
            "2": {"aname": "comment", "type": 1, "options": {}},
        },
        "file": {
            "1": {"fid": "1", "fname": "a.png", "type": 2, "loc": 1, "src": ""},
            "2": {"fid": "2", "fname": "http://host/films/b.png", "type": 2, "loc": 2, "src": ""},
        },
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": [2]}},
        "metadata": {
            "1_x": {
                "vid": "1",
                "flg": 0,
                "z": [],
                "xy": xy or [2, 1, 2, 30, 4],
                "av": av or {"1": "1"},
            },
            "2_x": {"vid": "2", "flg": 0, "z": [], "xy": [7, 1, 2, 9, 3, 5, 8], "av": {"1": "0"}},
            "1_y": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {"2": "whole file"}},
        },
    }


def test_via_3(tmp_path, images):
    (tmp_path / "v.json").write_text(json.dumps(via3()))
    rois = read_rois(tmp_path / "v.json", images)
    assert [(roi.image, roi.label, roi.box) for roi in rois] == [
        ("a.png", "sick", (1, 2, 30, 4)),
        ("b.png", "normal", (1, 2, 8, 6)),
    ]


def via3_csv(path, attributes: str = "ATTRIBUTE", resaved: bool = False, **changed: object):
    """What VIA 3's menu Export writes of `via3()`; `resaved`: as a spreadsheet saves it again."""
    tree = via3()
    tree["metadata"].pop("1_y") if changed else None
    listed = tree["attribute"]
    if attributes == "ATTRIBUTES":
        listed = {key: value["aname"] for key, value in listed.items()}
    comments = [
        "Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
        'SHAPE_ID = {"POINT":1,"RECTANGLE":2}',
        f"{attributes} = {json.dumps(listed, separators=(',', ':'))}",
        "CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata",
    ]
    rows = []
    for key, entry in tree["metadata"].items():
        name = tree["file"][entry["vid"]]["fname"]
        cells = {"xy": entry["xy"], "av": entry["av"], "files": [name], **changed}
        rows.append([key, json.dumps(cells["files"]), 0, "[]", json.dumps(cells["xy"]), json.dumps(cells["av"])])
    with open(path, "w", newline="", encoding="utf-8") as file:
        if resaved:
            csv.writer(file).writerows(
                [*(["# " + line.split(",")[0], *line.split(",")[1:]] for line in comments), *rows]
            )
        else:
            file.write("".join(f"# {line}\n" for line in comments))
            csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
    return path


@pytest.mark.parametrize("resaved", [False, True])
def test_via_3_as_csv(resaved, tmp_path, images):
    rois = read_rois(via3_csv(tmp_path / "v.csv", resaved=resaved), images)
    assert [(roi.image, roi.label, roi.box) for roi in rois] == [
        ("a.png", "sick", (1, 2, 30, 4)),
        ("b.png", "normal", (1, 2, 8, 6)),
    ]
    assert rois[0].where.endswith("v.csv, line 5")


def test_via_3_csv_of_an_early_version(tmp_path, images):
    notes: list[str] = []
    rois = read_rois(via3_csv(tmp_path / "v.csv", "ATTRIBUTES"), images, note=notes.append)
    assert [roi.label for roi in rois] == ["1", "0"]
    assert any("options are not stated" in note for note in notes)
    assert read_rois(tmp_path / "v.csv", images, label_attribute="finding")[0].label == "1"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"xy": [3, 5, 5, 2], "av": {"1": "0"}}, r"line 5: xy is \[3, 5, 5, 2\]; only rectangle"),
        ({"files": ["a.png", "b.png"]}, r"line 5: its view has the files \['a.png', 'b.png'\], expected one"),
        ({"files": []}, r"line 5: its view has the files \[\], expected one"),
    ],
)
def test_bad_via_3_csv(changed, message, tmp_path, images):
    with pytest.raises(DataError, match=message):
        read_rois(via3_csv(tmp_path / "v.csv", **changed), images)


def test_via_3_cell_that_is_no_json(tmp_path, images):
    path = via3_csv(tmp_path / "v.csv")
    path.write_text(path.read_text().replace("[2, 1", "(2, 1"))
    with pytest.raises(DataError, match=r"v\.csv, line 5: spatial_coordinates is '\(2, 1.*', expected JSON"):
        read_rois(path, images)


BAD_VIA3 = {
    "circle": (via3(xy=[3, 5, 5, 2]), r"metadata '1_x': xy is \[3, 5, 5, 2\]; only rectangle"),
    "text": (via3(xy=["a"]), "expected numbers"),
    "two classes": (via3(av={"1": "0,1"}), "has 2 ticks"),
    "comment too": (via3(av={"1": "1", "2": "blurred"}), "--label-attribute"),
    "view": ({**via3(), "view": {}}, "its view has the files None, expected one"),
}


@pytest.mark.parametrize(("tree", "message"), BAD_VIA3.values(), ids=BAD_VIA3)
def test_bad_via_3(tree, message, tmp_path, images):
    (tmp_path / "v.json").write_text(json.dumps(tree))
    with pytest.raises(DataError, match=rf"v\.json.*{message}"):
        read_rois(tmp_path / "v.json", images)


def test_it_is_said_that_via_states_no_size(tmp_path, images):
    (tmp_path / "v.json").write_text(json.dumps(via()))
    notes: list[str] = []
    read_rois(tmp_path / "v.json", images, note=notes.append)
    assert any("VIA does not state the size of the picture that was marked" in note for note in notes)

"""The table of formats."""

from __future__ import annotations

import pytest

from keras_cwp.data.annotations.formats import FORMATS, JSON, TEXT, XML, YOLO, open_annotations


def test_every_row_is_parsed_by_its_suffix():
    assert {row.suffixes for row in FORMATS} == {JSON, XML, TEXT, (YOLO,)}
    assert len({(row.name, row.suffixes) for row in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: f"{row.name} {row.suffixes[0]}")
def test_no_row_recognises_nothing(row):
    assert not row.recognises({})
    assert not row.recognises([])
    assert not row.recognises(None)


def test_json_in_utf_16(tmp_path):
    (tmp_path / "a.json").write_bytes('{"shapes": [], "imagePath": "a.png"}'.encode("utf-16"))
    assert open_annotations(tmp_path / "a.json", print)[0].name == "LabelMe"

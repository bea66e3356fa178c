"""Text tables as spreadsheets write them."""

from __future__ import annotations

import pytest

from keras_cwp.data.annotations.delimited import decimal, read_table
from keras_cwp.data.annotations.faults import Faults
from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError

LINES = "image;patient_id;label\r\na.png;P1;正常\r\n\r\nb.png;P2;sílice\r\n"
CHINESE = LINES.replace("sílice", "异常")


def rows(content: bytes, tmp_path, name: str = "t.csv"):
    (tmp_path / name).write_bytes(content)
    table = read_table(tmp_path / name)
    return [(line, list(row.values())) for line, row in table.rows(Faults())]


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.encode("utf-8-sig"),
        LINES.encode("utf-16"),
        b"\xfe\xff" + LINES.encode("utf-16-be"),
        LINES.encode("utf-16-le"),
        ("sep=;\r\n" + LINES).encode("utf-8-sig"),
        ("SEP=;\n" + LINES).encode(),
        LINES.replace(";", "\t").encode("utf-16"),
        LINES.replace(";", ",").encode(),
        LINES.replace(";", "|").encode(),
        LINES.replace("label", "label;;").encode(),
        LINES.replace("正常", "正常;;").encode(),
        LINES.replace("\r\n", "\r").encode(),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_the_same_table_however_it_was_saved(content, tmp_path):
    found = [fields for _, fields in rows(content, tmp_path)]
    assert found == [["a.png", "P1", "正常"], ["b.png", "P2", "sílice"]]


def test_comments_before_the_header_are_passed_over(tmp_path):
    content = "# written by a tool\n# with commas, and more\n" + LINES.replace("\r\n", "\n")
    assert [line for line, _ in rows(content.encode(), tmp_path)] == [4, 6]


def test_line_numbers_are_those_of_the_file(tmp_path):
    assert [line for line, _ in rows(LINES.encode(), tmp_path)] == [2, 4]
    assert [line for line, _ in rows(("sep=;\r\n" + LINES).encode(), tmp_path)] == [3, 5]


def test_gbk_is_read_and_said(tmp_path):
    notes: list[str] = []
    (tmp_path / "t.csv").write_bytes(CHINESE.encode("gbk"))
    table = read_table(tmp_path / "t.csv", notes.append)
    assert [row["label"] for _, row in table.rows(Faults())] == ["正常", "异常"]
    assert len(notes) == 1
    assert "read as GBK" in notes[0]
    assert "正常" in notes[0]


REFUSED = {
    "latin-1": (
        "image,label\na.png,s\u00edlice\n".encode("latin-1"),
        r"cannot be read as a CSV table: neither UTF-8 nor GBK .*'CSV UTF-8'",
    ),
    "xlsx": (b"PK\x03\x04rest", "a spreadsheet's own format; save it there as CSV UTF-8"),
    "xls": (b"\xd0\xcf\x11\xe0rest", "a spreadsheet's own format"),
    "no header": (b"normal,35,51,28,28,00.png,128,128\n", "no header: the first line holds values"),
    "no header, names only": (b"a.png,P1,normal\n", "no header: the first line holds values"),
    "yolo": (b"0 0.5 0.5 0.2 0.2\n1 0.25 0.5 0.2 0.2\n", "YOLO labels .*expected a table with a header"),
    "yolo of polygons": (b"0 0.5 0.5 0.2 0.2 0.1 0.9\n", "YOLO labels"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_table_is_named(content, message, tmp_path):
    with pytest.raises(DataError, match=rf"t\.csv: {message}"):
        rows(content, tmp_path)


@pytest.mark.parametrize(("text", "value"), [("5,5", 5.5), ("0,143", 0.143), ("-1,5", -1.5), ("12", 12), ("1e2", 100)])
def test_decimal_comma(text, value):
    assert decimal(text) == value


@pytest.mark.parametrize("text", ["1,234", "12,345,678", "1.234,5", "1_000", "", "x"])
def test_a_number_that_can_be_read_in_two_ways_is_refused(text):
    with pytest.raises(ValueError, match="no number, or can be read in two ways"):
        decimal(text)


def test_a_comma_of_thousands_is_refused_with_its_line(table, images):
    with pytest.raises(DataError, match=r"line 2: the box .*'1,234'.* is not four numbers; .*decimal point"):
        read_rois(table('a.png;P;n;"1,234";1;5;5', header="image;patient_id;label;x;y;width;height"), images)

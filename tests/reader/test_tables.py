"""Readers' tables: nothing is lost, `prepare` takes them, and two pages or processes cannot overwrite each other."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from keras_cwp.cli.main import cli
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import CwpError, DataError
from keras_cwp.reader import tables
from keras_cwp.reader.marks import FilmMarks, Mark, box_of, film_marks_of, patient_of, reader_name
from keras_cwp.reader.tables import OutdatedError, ReaderTable, read_rows, readers_in, table_path

SIZE = (160, 120)
IMAGES = ["a.png", "b.png", "c.dcm"]
ONE = FilmMarks((Mark("1", (1.5, 2.0, 30.25, 40.0), "normal"),), "P1", True, SIZE)
TWO = FilmMarks(
    (Mark("2", (0.0, 0.0, 20.0, 20.0), "large_opacity"), Mark("3", (5.0, 5.0, 9.0, 9.0))), "P2", False, SIZE
)


def without_revision(marks: FilmMarks | None) -> FilmMarks | None:
    return marks and replace(marks, revision=0)


@pytest.fixture
def table(tmp_path: Path):
    found = ReaderTable(tmp_path, "R1", IMAGES)
    yield found
    found.close()


def again(table: ReaderTable, images: list[str] = IMAGES) -> ReaderTable:
    """The table as the next process finds it."""
    table.close()
    return ReaderTable(table.path.parent, table.reader, images)


def test_what_was_saved_is_there_after_a_restart(table: ReaderTable) -> None:
    assert table.of("a.png") is None
    table.save("a.png", ONE)
    table.save("b.png", TWO)
    table.save("c.dcm", FilmMarks(done=True, size=SIZE))
    found = again(table)
    assert without_revision(found.of("a.png")) == ONE
    assert without_revision(found.of("b.png")) == TWO
    assert without_revision(found.of("c.dcm")) == FilmMarks(done=True, size=SIZE)
    assert found.save("a.png", replace(ONE, revision=1)).revision == 2


def test_prepare_takes_the_table_at_once(films: Path, table: ReaderTable, tmp_path: Path) -> None:
    table.save("a.png", ONE)
    table.save("b.png", TWO)
    marks = (Mark("4", (10.0, 20.0, 30.0, 30.0), "normal"),)
    table.save("c.dcm", FilmMarks(marks, "P7", True, SIZE))
    options = ["--rois", table.path, "--images", films, "--out", tmp_path / "data"]
    done = CliRunner().invoke(cli, ["prepare", *map(str, options)])
    assert done.exit_code == 0, done.output
    data = PreparedData.open(tmp_path / "data")
    rows = {row.roi_id: row for row in data.manifest}
    assert sorted(rows) == ["1", "2", "4"]  # box 3 has no label yet
    assert (rows["1"].x, rows["1"].y, rows["1"].width, rows["1"].height) == (1.5, 2, 30.25, 40)
    assert (rows["1"].label, rows["1"].patient_id) == ("normal", "P1")
    assert rows["4"].patient_id == "P7"
    assert {row.extra["reader"] for row in data.manifest} == {"R1"}


def test_boxes_without_label_or_patient_wait_beside_the_table(table: ReaderTable) -> None:
    table.save("b.png", replace(TWO, patient=""))
    assert not table.path.exists()
    found = again(table)
    assert without_revision(found.of("b.png")) == replace(TWO, patient="")
    found.save("b.png", replace(TWO, revision=1))
    assert [row.mark.roi_id for row in read_rows(found.path, "R1")] == ["2"]
    beside = json.loads((found.path.parent / "reading_R1.json").read_text())
    assert [mark["roi_id"] for mark in beside["films"]["b.png"]["marks"]] == ["3"]
    found.save("b.png", FilmMarks(size=SIZE, revision=2))
    assert read_rows(found.path, "R1") == []
    found.close()


def test_a_save_from_an_older_page_is_refused(table: ReaderTable) -> None:
    assert table.save("a.png", ONE).revision == 1
    with pytest.raises(OutdatedError, match="saved elsewhere"):
        table.save("a.png", replace(ONE, marks=()))
    assert without_revision(table.of("a.png")) == ONE


def test_an_id_belongs_to_one_film(table: ReaderTable) -> None:
    table.save("a.png", ONE)
    with pytest.raises(DataError, match="'1' stands on another film"):
        table.save("b.png", ONE)


def test_rows_of_other_films_stay(table: ReaderTable) -> None:
    table.save("a.png", ONE)
    table.save("b.png", TWO)
    found = again(table, ["b.png"])
    found.save("b.png", replace(TWO, marks=TWO.marks[:1], revision=1))
    assert [row.mark.roi_id for row in read_rows(found.path, "R1")] == ["1", "2"]
    assert without_revision(again(found).of("a.png")) == ONE


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_process_that_ends_while_it_saves_loses_no_box(
    table: ReaderTable, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three writes the last ones do not happen; before and after, labels come and go."""
    table.save("b.png", TWO)
    write, count = tables.write_text, iter(range(1, 9))

    def dying(path: Path, text: str) -> None:
        if next(count) >= step:
            raise CwpError("killed")
        write(path, text)

    marks = (Mark("2", (0.0, 0.0, 20.0, 20.0)), Mark("3", (5.0, 5.0, 9.0, 9.0), "normal"))
    with monkeypatch.context() as patched:
        patched.setattr(tables, "write_text", dying)
        with pytest.raises(CwpError, match="killed"):
            table.save("b.png", replace(TWO, marks=marks, revision=1))
    assert without_revision(table.of("b.png")) == TWO  # in memory nothing has changed
    found = again(table)
    assert {mark.roi_id for mark in found.of("b.png").marks} == {"2", "3"}  # type: ignore[union-attr]
    rows = read_rows(found.path, "R1")
    assert len({row.mark.roi_id for row in rows}) == len(rows)
    found.close()


def test_a_table_that_a_spreadsheet_saved_is_read(table: ReaderTable) -> None:
    table.save("a.png", ONE)
    table.close()
    text = table.path.read_text().replace(",", ";").replace("30.25", "30,25")
    table.path.write_text(text, encoding="utf-16")
    (table.path.parent / "reading_R1.json").unlink()
    assert again(table).of("a.png") == replace(ONE, done=False)


def test_a_table_of_another_form_is_named(table: ReaderTable, tmp_path: Path) -> None:
    table.close()
    table_path(tmp_path, "R1").write_text("image,label\na.png,normal\n")
    with pytest.raises(DataError, match=r"rois_R1\.csv: no column patient_id, x, y"):
        ReaderTable(tmp_path, "R1", IMAGES)
    table_path(tmp_path, "R1").unlink()
    (tmp_path / "reading_R1.json").write_text("{}")
    with pytest.raises(DataError, match=r"reading_R1\.json: cannot be understood"):
        ReaderTable(tmp_path, "R1", IMAGES)
    (tmp_path / "reading_R1.json").unlink()
    ReaderTable(tmp_path, "R1", IMAGES).close()  # a refusal leaves no lock behind


def test_another_process_is_kept_out(table: ReaderTable) -> None:
    code = (
        "import sys; from pathlib import Path; from keras_cwp.reader.tables import ReaderTable\n"
        "from keras_cwp.errors import CwpError\n"
        "try: ReaderTable(Path(sys.argv[1]), sys.argv[2], [])\n"
        "except CwpError as error: sys.exit(str(error))\n"
    )
    folder = str(table.path.parent)
    done = subprocess.run([sys.executable, "-c", code, folder, "R1"], capture_output=True, text=True, check=False)
    assert "in use by another process" in done.stderr
    assert subprocess.run([sys.executable, "-c", code, folder, "R2"], check=False).returncode == 0


def test_readers_are_listed(table: ReaderTable, tmp_path: Path) -> None:
    assert readers_in(tmp_path) == []
    table.save("b.png", replace(TWO, patient=""))
    with closing(ReaderTable(tmp_path, "张-2", IMAGES)) as other:
        other.save("a.png", ONE)
    assert readers_in(tmp_path) == ["R1", "张-2"]
    with open(table_path(tmp_path, "张-2"), newline="", encoding="utf-8") as file:
        assert [row["reader"] for row in csv.DictReader(file)] == ["张-2"]


@pytest.mark.parametrize("name", ["", "../R1", "a/b", "a b", "a.b", "x" * 33, None, 3, "a\0"])
def test_a_readers_name_cannot_lead_elsewhere(name: object) -> None:
    with pytest.raises(DataError, match="expected 1 to 32 letters"):
        reader_name(name)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([10, 20, 30, 40], (10, 20, 30, 40)),
        ([-5, -5, 30, 40], (0, 0, 25, 35)),
        ([150.004, 100, 30, 40.0], (150, 100, 10, 20)),
        ([0, 0, 160, 120], (0, 0, 160, 120)),
    ],
)
def test_a_box_is_clipped_to_its_film(box: list[float], expected: tuple[float, ...]) -> None:
    assert box_of(box, SIZE) == expected


@pytest.mark.parametrize(
    "box",
    [
        [160, 0, 5, 5],
        [0, 0, 0, 5],
        [0, 0, float("nan"), 5],
        [0, 0, float("inf"), 5],
        [1, 2, 3],
        "1234",
        None,
        [True] * 4,
        ["1", 2, 3, 4],
        {"x": 1},
    ],
)
def test_what_is_no_box_on_the_film_is_refused(box: object) -> None:
    with pytest.raises(DataError, match="box"):
        box_of(box, SIZE)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ([], "expected an object"),
        ({"marks": {}}, "expected an object"),
        ({"marks": [3]}, "box 1: expected roi_id"),
        ({"marks": [{"roi_id": "", "box": [0, 0, 5, 5]}]}, "box 1: no roi_id"),
        ({"marks": [{"roi_id": 1, "box": [0, 0, 5, 5]}]}, "roi_id: expected text"),
        ({"marks": [{"roi_id": "1", "box": [0, 0, 5, 5], "label": "x" * 300}]}, "label: 300 characters"),
        ({"marks": [{"roi_id": "1", "box": [0, 0, 5, 5]}] * 2}, "'1' stands twice"),
        ({"marks": [{}] * 501}, "501 boxes"),
        ({"marks": [], "patient": "unknown"}, "names nobody"),
        ({"marks": [], "patient": ["P"]}, "patient id: expected text"),
    ],
)
def test_marks_of_another_form_are_refused(tree: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        film_marks_of(tree, SIZE)


def test_patient_ids_lose_what_cannot_be_seen() -> None:
    assert patient_of(" P\u200b 7 ") == "P 7"
    assert patient_of("") == ""

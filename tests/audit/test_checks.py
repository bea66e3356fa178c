"""The audit: each fault is planted in a good data set and must be found; the good one must pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_cwp.audit.checks import audit, refuse_leaks
from keras_cwp.audit.confounds import confound_auc
from keras_cwp.audit.lookalikes import alike, near_duplicates, thumbnails
from keras_cwp.cli.main import main
from keras_cwp.config import DataConfig
from keras_cwp.data.fingerprints import look_of
from keras_cwp.data.patients import linked_patients
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.splits import three_way
from keras_cwp.errors import DataError

PATIENTS = 40


def picture(number: int) -> np.ndarray:
    """A smooth picture of its own, 96 × 96."""
    random = np.random.default_rng(number)
    coarse = random.random((9, 9)).astype(np.float32)
    smooth = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC)
    return (40 + 150 * smooth.clip(0, 1) + random.normal(0, 2, (96, 96))).clip(0, 255).astype(np.uint8)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., PreparedData]:
    """Prepare 40 patients with a radiograph each, after `spoil(images folder, rows)` had its way with them."""

    def run(
        spoil: Callable[[Path, list[dict]], object] = lambda *_: None,
        name: str = "data",
        first: int = 0,
        **config: object,
    ) -> PreparedData:
        images = tmp_path / f"{name}_images"
        images.mkdir()
        rows = []
        for number in range(first, first + PATIENTS):
            Image.fromarray(picture(number)).save(images / f"{number}.png")
            rows.append(
                {"image": f"{number}.png", "patient_id": f"P{number}", "label": "ab"[number % 2], "x": 20, "y": 20}
                | {"width": 50, "height": 50, "manufacturer": "MN"[(number // 2) % 2]}
            )
        spoil(images, rows)
        table = tmp_path / f"{name}.csv"
        lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
        table.write_text("\n".join(lines))
        return prepare(table, images, tmp_path / name, DataConfig(image_size=32, **config))

    return run


def said(data: PreparedData, level: str, **options) -> dict[str, str]:
    return {finding.check: finding.message for finding in audit(data, **options) if finding.level == level}


def test_good_data_set(make):
    data = make()
    assert said(data, "error") == {}
    assert said(data, "warning") == {}
    assert set(said(data, "note")) == {"balance", "confounds"}
    refuse_leaks(data)


def test_same_file_of_two_patients(make):
    data = make(lambda images, _: (images / "3.png").write_bytes((images / "8.png").read_bytes()))
    errors = said(data, "error")
    assert {"same file, two patients", "same crop, two patients", "same region, two labels"} == set(errors)
    with pytest.raises(DataError, match=r"1 radiograph file belongs .* \(first: lines 5, 10 of .*prepare again"):
        refuse_leaks(data)


def test_linked_duplicates_are_one_patient_and_are_not_refused(make):
    def spoil(images: Path, _: list[dict]) -> None:
        (images / "2.png").write_bytes((images / "8.png").read_bytes())  # the same file
        Image.fromarray(picture(8)).save(images / "4.png", compress_level=1)  # the same pixels in another

    with pytest.raises(DataError, match=r"crops? belongs? to several patients"):
        refuse_leaks(make(spoil, name="apart"))
    data = make(spoil, name="linked", link_duplicates=True)
    refuse_leaks(data)
    assert set(data.patients[[2, 4, 8]]) == {"P2 + P4 + P8"}
    assert len({row.patient_key for row in data.manifest}) == data.meta["counts"]["patients"] == PATIENTS - 2
    parts = three_way(data.patients, data.labels, 0.2, 0.2, seed=1)
    assert len(set(parts[[2, 4, 8]])) == 1


def test_linking_goes_through_others():
    patients = ["A", "B", "C", "D", "B"]
    assert linked_patients(patients, ["1", "1", "2", "3", "4"], ["x", "y", "z", "w", "z"]) == [
        "A + B + C",
        "A + B + C",
        "A + B + C",
        "D",
        "A + B + C",
    ]


def test_same_radiograph_with_other_boxes_on_it(make):
    """A second export under another patient: smaller, lighter, marked elsewhere."""

    def spoil(images: Path, rows: list[dict]) -> None:
        lighter = cv2.resize(picture(9), (80, 80), interpolation=cv2.INTER_AREA) * 0.8 + 20
        Image.fromarray(lighter.astype(np.uint8)).save(images / "2.png")
        rows[2] |= {"x": 0, "y": 30, "width": 40, "height": 40}

    warnings = said(make(spoil), "warning")
    assert "1 pair of radiographs of different patients looks" in warnings["look-alike radiographs, two patients"]
    assert "near-duplicate, two patients" not in warnings


def test_look_of_a_radiograph_by_hand():
    """Brighter to the right in all of 16 × 16 places, in none, and in every second row."""
    ramp = np.tile(np.arange(17, dtype=np.uint8) * 10, (16, 1))
    assert look_of(ramp) == look_of(ramp.astype(np.uint16) * 257) == look_of(ramp / np.float32(255)) == "ff" * 32
    assert look_of(ramp[:, ::-1]) == look_of(np.zeros((40, 40), np.uint8)) == "00" * 32
    ramp[1::2] = ramp[1::2, ::-1]
    assert look_of(ramp) == "ffff0000" * 8
    assert look_of(np.repeat(np.repeat(ramp, 100, axis=0), 100, axis=1)) == "ffff0000" * 8


def test_alike_by_hand():
    far, near = "f" * 61 + "0" * 3, "0" * 61 + "fff"
    assert alike(["0" * 64, "f" * 64], [near, far]) == [(0, 0), (1, 1)]  # 12 bits
    assert alike(["0" * 64], ["0" * 60 + "1fff"]) == []  # 13 bits


def test_same_pixels_in_another_file(make):
    data = make(lambda images, _: Image.fromarray(picture(8)).save(images / "4.png", compress_level=1))
    assert set(said(data, "error")) == {"same crop, two patients"}


def test_region_marked_twice_with_two_labels(make):
    data = make(lambda _, rows: rows.append({**rows[0], "x": 21, "label": "b"}))
    assert set(said(data, "error")) == {"same region, two labels"}
    twice = make(lambda _, rows: rows.append({**rows[0], "label": "b"}), name="twice")
    assert "1 region is marked twice" in said(twice, "error")["same region, two labels"]


def spoil_lightly(images: Path, _: list[dict]) -> None:
    lighter = cv2.GaussianBlur(picture(9), (0, 0), 0.8) * 0.8 + 20
    Image.fromarray(lighter.astype(np.uint8)).save(images / "2.jpg", quality=70)
    (images / "2.jpg").rename(images / "2.png")


def test_look_alike_of_two_patients(make):
    data = make(spoil_lightly)
    assert "1 pair of crops of different patients looks" in said(data, "warning")["near-duplicate, two patients"]
    assert said(data, "error") == {}


def test_look_alike_of_one_patient_is_a_note(make):
    def spoil(images: Path, rows: list[dict]) -> None:
        spoil_lightly(images, rows)
        rows[2]["patient_id"] = rows[9]["patient_id"]

    data = make(spoil)
    assert "near-duplicate, one patient" in said(data, "note")


def test_two_data_sets(make):
    data = make()
    assert said(data, "error", against=make(name="other", first=100)) == {}
    errors = said(data, "error", against=make(name="third", first=30))
    assert "10 ROIs are of patients of the other data set" in errors["same patient in both sets"]
    assert "10 ROIs lie on radiographs" in errors["same file in both sets"]
    assert "10 crops are in the other data set too" in errors["same crop in both sets"]


def test_second_export_in_another_data_set(make):
    def spoil(images: Path, rows: list[dict]) -> None:
        Image.fromarray(cv2.resize(picture(9), (80, 80), interpolation=cv2.INTER_AREA)).save(images / "100.png")
        rows[0] |= {"x": 0, "y": 30, "width": 40, "height": 40}

    warnings = said(make(), "warning", against=make(spoil, name="other", first=100))
    assert "1 radiograph looks like one of the other data set" in warnings["look-alike in both sets"]


def test_too_few_patients_and_imbalance(make):
    def spoil(_: Path, rows: list[dict]) -> None:
        for row in rows[:37]:
            row["label"] = "a"
        for row in rows[37:]:
            row["label"] = "b"

    data = make(spoil)
    assert "class b has 3 patients, fewer than 5 folds" in said(data, "error")["too few patients"]
    assert said(data, "warning")["balance"] == "patients of each class: a 37, b 3"


def test_manufacturer_that_gives_the_label_away(make):
    def spoil(_: Path, rows: list[dict]) -> None:
        for row in rows:
            row["manufacturer"] = row["label"]

    data = make(spoil)
    assert (
        "acquisition alone (manufacturer) predicts the label with macro AUC 1.000" in said(data, "warning")["confounds"]
    )
    result = confound_auc(data)
    assert result is not None
    assert result.auc == result.high == 1
    assert 0.6 < result.low < 1  # an interval of few patients, at a perfect result too


def test_side_of_the_chest_that_gives_the_label_away(make):
    def spoil(_: Path, rows: list[dict]) -> None:
        for row in rows:
            row["x"] = 5 if row["label"] == "a" else 40

    assert "side (AUC 1.000)" in said(make(spoil), "warning")["confounds"]


def test_blank_and_extreme_crops(make):
    def spoil(images: Path, _: list[dict]) -> None:
        Image.fromarray(np.full((96, 96), 80, np.uint8)).save(images / "0.png")
        Image.fromarray((picture(1) // 40).astype(np.uint8)).save(images / "1.png")

    data = make(spoil)
    assert "1 crop is of one shade" in said(data, "error")["blank crop"]
    assert "1 crop is nearly black or white" in said(data, "warning")["extreme shade"]


def test_odd_box(make):
    def spoil(_: Path, rows: list[dict]) -> None:
        rows[0] |= {"x": 0, "y": 0, "width": 96, "height": 96}
        rows[1] |= {"width": 1, "height": 1}

    assert "2 boxes cover less than 0.05 %" in said(make(spoil), "warning")["odd box"]


def test_box_beside_the_lungs(make):
    def spoil(_: Path, rows: list[dict]) -> None:
        rows[0] |= {"x": 0, "y": 20, "width": 6, "height": 6}
        rows[1] |= {"x": 40, "y": 84, "width": 10, "height": 10}

    assert "2 boxes have their centre where no lung is" in said(make(spoil), "warning")["box beside the lungs"]


def test_near_duplicates_equal_the_slow_way(make):
    images = thumbnails(make(spoil_lightly))

    def slow() -> list[tuple[int, int]]:
        pairs = []
        for i in range(len(images)):
            for j in range(i + 1, len(images)):
                a, b = images[i], images[j]
                differ = np.mean((a[:-1, 1:] > a[:-1, :-1]) != (b[:-1, 1:] > b[:-1, :-1]))
                if differ <= 0.14 and np.corrcoef(a.ravel(), b.ravel())[0, 1] >= 0.985:
                    pairs.append((i, j))
        return pairs

    assert near_duplicates(images) == slow() == [(2, 9)]


def run(*args: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(arg) for arg in args])
    return int(ended.value.code or 0)


def test_command_on_a_good_set(make, tmp_path, capsys):
    make()
    assert run("audit", tmp_path / "data") == 0
    assert "balance" in capsys.readouterr().out
    assert (tmp_path / "data_audit" / "audit.html").is_file()


def test_command_on_a_bad_set_names_no_patient(make, tmp_path, capsys):
    def spoil(images: Path, rows: list[dict]) -> None:
        (images / "3.png").write_bytes((images / "8.png").read_bytes())
        for row in rows:
            row["patient_id"] = f"Smith{row['patient_id']}"

    make(spoil)
    assert run("audit", tmp_path / "data", "--out", tmp_path / "page") == 1
    text = capsys.readouterr()
    assert "3 error-level findings (same file, two patients" in text.err
    page, tree = ((tmp_path / "page" / f"audit.{kind}").read_text() for kind in ("html", "json"))
    assert page.count("<img") >= 6
    assert 'href="#f0"' in page
    assert 'id="f0"' in page
    assert "Smith" not in page + tree + text.out + text.err
    assert "8.png" in page  # which lies beside the data and has to be of use there
    assert "8.png" not in tree
    assert 'id="plot-distributions"' in page
    assert (tmp_path / "page" / "figures" / "distributions.svg").is_file()
    assert json.loads(tree)["findings"][0]["manifest_lines"] == [[5, 10]]


@pytest.mark.parametrize("command", ["fit", "cv"])
def test_training_refuses_leaks_before_it_begins(command, make, tmp_path, capsys):
    make(lambda images, _: (images / "3.png").write_bytes((images / "8.png").read_bytes()))
    assert run(command, "--data", tmp_path / "data", "--out", tmp_path / "run") == 1
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "1 radiograph file belongs to several patients (first: lines 5, 10 of manifest.csv)" in text
    assert not (tmp_path / "run").exists()


def test_the_data_sets_at_hand_hold_no_leak(shared, tmp_path):
    folder = shared / "data" / "cwp_sim"
    data = prepare(folder / "rois.csv", folder / "images", tmp_path / "sim", DataConfig(image_size=32))
    refuse_leaks(data)
    assert said(data, "warning") == {}

"""A split that was written comes back; one of other ROIs, or one that cuts a patient, is refused."""

from __future__ import annotations

import numpy as np
import pytest
from support.fold_stub import small_config, small_data

from keras_cwp.data.fold_plan import fold_parts
from keras_cwp.data.split_file import read_split, split_csv, split_rows
from keras_cwp.errors import SplitError


@pytest.fixture
def data(tmp_path):
    return small_data(tmp_path)


@pytest.fixture
def text(data):
    return split_csv(data, fold_parts(data, small_config()))


def given(data, text):
    path = data.path / "split.csv"
    path.write_text(text)
    return read_split(path, data)


def test_comes_back_whatever_the_order_of_rows(data, text):
    header, *lines = text.splitlines()
    shuffled = "\n".join([header, *np.random.default_rng(0).permutation(lines)])
    for fold, parts in fold_parts(data, small_config()).items():
        np.testing.assert_array_equal(given(data, shuffled)[fold], parts)


def test_rows_need_no_data_set(data, text, tmp_path):
    path = tmp_path / "split.csv"
    path.write_text(text)
    rows, parts = split_rows(path), fold_parts(data, small_config())
    assert len(rows) == len(parts) * len(data)
    first = data.manifest[0]
    assert rows[0] == (2, first.roi_key, first.patient_key, first.image_key, min(parts), parts[min(parts)][0])
    assert {row.fold for row in rows} == set(parts)


def test_holds_pseudonyms_only(data, text):
    assert not [row for row in data.manifest if row.patient_id + "," in text or row.image in text]


def test_of_another_data_set(data, text):
    other = small_data(data.path, patients=11)
    with pytest.raises(SplitError, match=r"split.csv, line \d+: ROI \w+ is not in"):
        given(other, text)


def test_of_fewer_rois(data, text):
    other = small_data(data.path, patients=13)
    with pytest.raises(SplitError, match=r"fold 1: 2 of the 26 ROIs of .* are missing"):
        given(other, text)


def test_a_patient_on_both_sides(data, text):
    line = next(line for line in text.splitlines() if line.endswith(",1,test"))
    with pytest.raises(SplitError, match="fold 1: split: 1 patient stands in more than one part"):
        given(data, text.replace(line, line.replace(",1,test", ",1,train")))


def test_a_roi_twice(data, text):
    with pytest.raises(SplitError, match=r"line 74: ROI .* stands in fold 1 twice"):
        given(data, text + text.splitlines()[1] + "\n")


def test_no_roi_held_out(data, text):
    with pytest.raises(SplitError, match="fold 2: no ROI is held out"):
        given(data, text.replace(",2,test", ",2,train"))


def test_training_without_a_class(data):
    parts = np.where(data.label_names == "normal", "test", "train")
    with pytest.raises(SplitError, match="fold 1: class 'normal' is not in the training part"):
        given(data, split_csv(data, {1: parts}))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("", "expected the columns roi_id, patient_id"),
        ("a,b\n1,2\n", "expected the columns roi_id, patient_id"),
        ("roi_id,patient_id,image,fold,part\na,b,c,x,test\n", "line 2: expected a fold number"),
        ("roi_id,patient_id,image,fold,part\na,b,c,1,exam\n", "line 2: expected a fold number"),
    ],
)
def test_malformed(data, wrong, message):
    with pytest.raises(SplitError, match=message):
        given(data, wrong)


def test_no_such_file(data):
    with pytest.raises(SplitError, match="No such file"):
        read_split(data.path / "none.csv", data)

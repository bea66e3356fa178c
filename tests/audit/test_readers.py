"""What the audit says of several readers."""

from __future__ import annotations

from keras_cwp.audit.checks import audit
from keras_cwp.audit.readers import reader_findings
from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare

HEADER = "image,patient_id,label,x,y,width,height,reader"


def lines(*labels):
    """Each radiograph's label by each reader, such as "ns"."""
    names = {"n": "normal", "s": "sick"}
    return [
        f"{image}.png,P{image},{names[label]},2,3,20,20,{reader}"
        for image, given in zip("abcdef", labels, strict=False)
        for reader, label in zip("ABC", given, strict=False)
    ]


def prepared(table, images, tmp_path, *labels):
    config = DataConfig(image_size=32, ties="A")
    return prepare(table(*lines(*labels), header=HEADER), images, tmp_path / "data", config)


def test_agreement_of_all_and_of_each_pair_is_said(table, images, tmp_path):
    data = prepared(table, images, tmp_path, "nnn", "sss", "nns", "sss", "nnn", "ssn")
    together, *pairs = reader_findings(data)
    assert together.level == "note"
    assert together.message.startswith("3 readers of 6 ROIs: Krippendorff's alpha 0.5")
    assert [finding.message.split(":")[0] for finding in pairs] == ["A and B", "A and C", "B and C"]
    assert pairs[0].message.startswith("A and B: kappa 1.00")
    assert set(reader_findings(data)) <= set(audit(data))


def test_readers_who_hardly_agree_are_a_warning(table, images, tmp_path):
    data = prepared(table, images, tmp_path, "ns", "sn", "ns", "sn", "nn", "ss")
    assert reader_findings(data)[0].level == "warning"


def test_without_readers_nothing_is_said(good_table, images, tmp_path):
    assert reader_findings(prepare(good_table, images, tmp_path / "data", DataConfig(image_size=32))) == []

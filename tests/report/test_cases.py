"""The case viewer's data: which ROIs, how large, how they are written into the page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from report.conftest import small_cases

from keras_cwp.report.case_pictures import map_uri, picture_uris
from keras_cwp.report.cases import choose_cases
from keras_cwp.report.page import Page, fill, render
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.sections import SECTIONS
from keras_cwp.scores import Scores

PAGE_BYTES = 15_000_000


def many(count: int, seed: int = 0) -> Scores:
    """Three classes; one ROI in a hundred is wrong, and the last has no label."""
    random = np.random.default_rng(seed)
    label = random.integers(3, size=count)
    called = np.where(np.arange(count) % 100 == 7, (label + 1) % 3, label)
    label[-1] = -1
    names = np.array([f"{n:012x}" for n in range(count)])
    return Scores(
        ("a", "b", "c"), names, np.array([f"p{n // 4}" for n in range(count)]), names, np.zeros(count, int), label,
        0.7 * np.eye(3)[called] + 0.1,
    )  # fmt: skip


def decoded(uri: str) -> np.ndarray:
    content = base64.b64decode(uri.removeprefix("data:image/webp;base64,"))
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)


def tree_of(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="case-data">(.*?)</script>', text, re.DOTALL)[1])


def test_all_rois_are_cases_where_they_are_few() -> None:
    assert choose_cases(many(50), [], 0).tolist() == list(range(50))


def test_a_sample_keeps_rare_cells_and_what_is_asked_for() -> None:
    scores = many(10_000)
    rows = choose_cases(scores, [3, 4], 0, most=500)
    assert len(rows) == 500
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert {3, 4} <= set(rows.tolist())
    cell = scores.label * 3 + scores.probabilities.argmax(axis=1)
    for value, size in zip(*np.unique(cell, return_counts=True), strict=True):
        kept = int((cell[rows] == value).sum())
        assert kept >= min(size, 20)
        if size > 1000:  # the large cells share what is left in proportion
            assert kept / 500 == pytest.approx(size / 10_000, abs=0.06)
    assert rows.tolist() == choose_cases(scores, [3, 4], 0, most=500).tolist()
    assert rows.tolist() != choose_cases(scores, [3, 4], 1, most=500).tolist()


def test_pictures_shrink_until_they_fit() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 224, 224), dtype=np.uint8)
    large, small = picture_uris(noise, 10**9), picture_uris(noise, 100_000)
    assert decoded(large[0]).shape == (224, 224)
    assert sum(map(len, small)) <= 100_000
    assert decoded(small[0]).shape[0] < 224
    smooth = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (64, 1))
    np.testing.assert_allclose(decoded(picture_uris([smooth])[0]).astype(int), smooth, atol=6)


def test_a_map_keeps_its_values() -> None:
    heat = np.zeros((28, 28))
    heat[7:14, 7:14] = 1
    np.testing.assert_allclose(decoded(map_uri(heat)) / 255, heat, atol=0.08)


def test_two_thousand_rois_of_noise_fit_into_the_page(run: ReportInput) -> None:
    scores = many(2000)
    cases = replace(small_cases(scores, side=160, withheld=7))
    run = replace(run, scores=scores, cases=cases)
    sections = fill([each for each in SECTIONS if each.anchor == "cases"], run)
    size = len(render(Page("k", "t", [], sections)).encode())
    assert 5_000_000 < size < PAGE_BYTES - 2_000_000  # the rest of a page, its plots, is smaller than that


def test_the_page_says_how_many_were_sampled() -> None:
    cases = small_cases(many(40))
    assert cases.sampled == "All 40 ROIs."
    some = replace(cases, scores=many(5000))
    assert some.sampled.startswith("40 of 5,000 ROIs, drawn at random")


def test_names_cannot_leave_their_place(viewer: Path) -> None:
    text = viewer.read_text(encoding="utf-8")
    assert "</script><b>" not in text
    assert len(re.findall(r"<script", text)) == 2  # the data and the program
    assert "</script><b>south" in {group for case in tree_of(viewer)["cases"] for group in case["groups"]}
    assert tree_of(viewer)["classes"][1] == "small <pq>"


def test_the_policy_lets_only_this_script_run(viewer: Path) -> None:
    text = viewer.read_text(encoding="utf-8")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text
    assert "innerHTML" not in script
    assert not re.search(r"\b(fetch|XMLHttpRequest|eval|import)\b", script)


def test_no_patient_is_named_but_each_is_a_number(viewer: Path, run: ReportInput) -> None:
    tree = tree_of(viewer)
    assert {case["patient"] for case in tree["cases"]} == set(range(1, 41))
    owner = dict(zip(run.scores.roi_id.tolist(), run.scores.patient_id.tolist(), strict=True))
    by_number: dict[int, set[str]] = {}
    for case in tree["cases"]:
        by_number.setdefault(case["patient"], set()).add(owner[case["roi"]])
    assert all(len(names) == 1 for names in by_number.values())
    text = re.sub(r"data:[^\"]*", "", viewer.read_text(encoding="utf-8"))
    assert not set(owner.values()) & set(re.findall(r"\w+", text))


def test_a_withheld_map_is_not_in_the_page(viewer: Path) -> None:
    cases = tree_of(viewer)["cases"]
    assert [n for n, case in enumerate(cases) if not case["map"]] == list(range(0, 120, 5))

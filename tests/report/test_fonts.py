"""Class names in Chinese: drawn with an installed font, or one warning and boxes."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest
from matplotlib import font_manager

from keras_cwp.report import fonts
from keras_cwp.report.fonts import OWN_FONT, families
from keras_cwp.report.plotting import Plot, blank, style

NAMES = "正常小阴影大阴影"


@pytest.fixture(autouse=True)
def forgotten():
    """What an earlier test found out about fonts."""
    fonts._fallbacks.cache_clear()
    yield
    fonts._fallbacks.cache_clear()


def draw(text: str) -> np.ndarray:
    """A PNG with nothing but a text, grey."""
    with style(text):
        figure, (axes,) = blank(2, 1)
        axes.set_axis_off()
        axes.text(0, 0, text, fontsize=20)
    png = Plot("p", "P", "caption", "alt", figure).png()
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)


def test_latin_and_cyrillic_names_need_no_other_font():
    assert families("normal, ñandú, норма") == [OWN_FONT]


def test_without_a_font_there_is_one_warning_and_boxes(monkeypatch, caplog):
    monkeypatch.setattr(fonts, "_installed", lambda: iter(()))
    with caplog.at_level(logging.WARNING):
        same = [draw(name) for name in "正常"]
        draw("正")
    assert (same[0] == same[1]).all()  # two boxes
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "no installed font has the characters 正",
        "no installed font has the characters 常",
    ]


def test_an_installed_font_that_has_the_characters_is_taken(monkeypatch):
    """A font with every character stands in for one that may not be installed where the test runs."""
    other = next(font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Serif")
    real = fonts._characters
    monkeypatch.setattr(fonts, "_installed", lambda: iter([("Empty", "none.ttf"), (other.name, other.fname)]))
    monkeypatch.setattr(fonts, "_characters", lambda path: frozenset(NAMES) if path == other.fname else real(path))
    assert families(NAMES) == [OWN_FONT, "DejaVu Serif"]


def test_fonts_of_this_machine_write_chinese_or_none_is_claimed():
    """Where a font is found its pictures of two characters differ; boxes would be equal."""
    if families("正常") != [OWN_FONT]:
        assert (draw("正") != draw("常")).any()

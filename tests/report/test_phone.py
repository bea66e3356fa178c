"""The page on a telephone: what scrolls sideways still says what it is, and the text of plots can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
WIDTH = 420
LEAST_PX = 10  # of text in a plot
_SCROLLED = """
const scroller = [...document.querySelectorAll(".scroll")].find((each) => each.scrollWidth > each.clientWidth + 100);
scroller.scrollLeft = 100;
const left = (part) => Math.round(part.getBoundingClientRect().left - scroller.getBoundingClientRect().left);
const row = scroller.querySelector("tbody th");
return {
  scrolled: scroller.scrollLeft, row: left(row), head: left(scroller.querySelector("thead th")),
  title: left(scroller.querySelector("caption > span")), second: left(scroller.querySelector("tbody td")),
  title_width: scroller.querySelector("caption > span").offsetWidth, width: scroller.clientWidth,
  behind: getComputedStyle(row).backgroundColor, paper: getComputedStyle(document.documentElement).backgroundColor,
};
"""
_TEXTS = """
return [...document.querySelectorAll("figure.drawn svg")].map((svg) => {
  const sizes = [...svg.querySelectorAll("text")].map((text) => parseFloat(getComputedStyle(text).fontSize));
  return Math.min(...sizes) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
});
"""


@pytest.fixture
def phone(browser: Any, viewer: Path) -> Iterator[Any]:
    """The browser at the page, as narrow as a telephone."""
    size = {"width": WIDTH, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(viewer.as_uri())
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_page_never_scrolls_sideways(phone: Any) -> None:
    width, view = phone.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= view == WIDTH


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_column_and_the_title_of_a_table_stay(phone: Any, scheme: str) -> None:
    phone.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    found = phone.execute_script(_SCROLLED)
    assert found["scrolled"] == 100
    assert (found["row"], found["head"], found["title"]) == (0, 0, 0)
    assert found["second"] < 100  # the others move
    assert found["title_width"] <= found["width"]
    assert found["behind"] == found["paper"]  # a figure that passes below cannot be seen through it


def test_text_of_plots_is_large_enough(phone: Any) -> None:
    sizes = phone.execute_script(_TEXTS)
    assert len(sizes) > 5
    assert min(sizes) >= LEAST_PX

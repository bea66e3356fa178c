"""The case viewer in a real browser: cells, filters, sorting, keys, heat map, window and level; and without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_cwp.report.run_input import ReportInput

selenium = pytest.importorskip("selenium", reason="selenium is not installed; pip install '.[test]'")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

pytestmark = pytest.mark.slow
WAIT_S = 30


class Viewer:
    """The opened page, by what a reader sees of it."""

    def __init__(self, browser: Any, page: Path) -> None:
        self.browser = browser
        browser.get(page.as_uri())
        self.drawn()

    def find(self, name: str) -> Any:
        return self.browser.find_element(By.ID, f"case-{name}")

    def drawn(self) -> None:
        """Wait for the picture."""
        WebDriverWait(self.browser, WAIT_S).until(lambda _: self.find("crop").get_attribute("aria-label"))

    @property
    def place(self) -> str:
        return self.find("place").text

    @property
    def said(self) -> str:
        return self.find("said").text

    def about(self, name: str) -> str:
        return self.browser.execute_script(
            "return [...document.querySelectorAll('#case-about dt')].find((dt) => dt.textContent === arguments[0])"
            ".nextSibling.textContent", name,
        )  # fmt: skip

    def choose(self, name: str, text: str) -> None:
        found = self.browser.find_element(By.CSS_SELECTOR, f'#case-filters select[data-filter="{name}"]')
        Select(found).select_by_visible_text(text)

    def press(self, key: str) -> None:
        ActionChains(self.browser).send_keys(key).perform()

    def pixels(self) -> np.ndarray:
        """int [height, width, 3] of the picture as it is drawn."""
        flat = self.browser.execute_script(
            "const c = document.getElementById('case-crop');"
            "return [c.width, c.height, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
        return np.array(flat[2:]).reshape(flat[1], flat[0], 4)[..., :3]


@pytest.fixture
def seen(browser: Any, viewer: Path) -> Viewer:
    return Viewer(browser, viewer)


def cell_count(run: ReportInput, truth: int, called: int) -> int:
    return int(run.metrics["confusion"][truth][called])


def test_the_surest_mistake_comes_first(seen: Viewer, run: ReportInput) -> None:
    scores = run.scores
    worst = int(scores.probabilities[np.arange(len(scores)), scores.label].argmin())
    assert seen.place == "1 of 120"
    assert seen.about("ROI") == scores.roi_id[worst]
    assert seen.said.startswith(f"wrong: {scores.classes[scores.label[worst]]} was called ")
    assert [entry for entry in seen.browser.get_log("browser") if entry["level"] != "DEBUG"] == []


@pytest.mark.parametrize("where", ["plot", "table"])
def test_a_cell_of_the_confusion_matrix_shows_its_rois(seen: Viewer, run: ReportInput, where: str) -> None:
    if where == "plot":
        cell = seen.browser.find_element(By.CSS_SELECTOR, "#confusion-cell-1-2")
        seen.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", cell)
        ActionChains(seen.browser).move_to_element(cell).click().perform()
    else:
        seen.find("matrix").find_element(By.CSS_SELECTOR, '[data-truth="1"][data-called="2"]').click()
    count = cell_count(run, 1, 2)
    assert count > 0
    assert seen.place == f"1 of {count}"
    assert seen.said.startswith("wrong: small <pq> was called large")
    seen.find("matrix").find_element(By.CSS_SELECTOR, '[aria-pressed="true"]').click()
    assert seen.place == "1 of 120"


def test_filters_work_together(seen: Viewer, run: ReportInput) -> None:
    seen.choose("fold", "1")
    seen.choose("site", "north")
    seen.choose("outcome", "wrong")
    scores = run.scores
    wrong = scores.probabilities.argmax(axis=1) != scores.label
    expected = int((wrong & (scores.fold == 1) & (np.arange(len(scores)) % 2 == 1)).sum())
    assert expected > 0
    assert seen.place == f"1 of {expected}"
    assert (seen.about("fold"), seen.about("site")) == ("1", "north")
    assert len(seen.find("grid").find_elements(By.TAG_NAME, "button")) == expected


def test_a_filter_that_nothing_passes_says_so(seen: Viewer) -> None:
    seen.choose("truth", "normal")
    seen.choose("decision", "large")
    seen.choose("outcome", "correct")
    assert (seen.place, seen.said) == ("none", "No ROI passes these filters.")


def test_sorting_by_confidence_and_by_patient(seen: Viewer, run: ReportInput) -> None:
    sort = Select(seen.find("sort"))
    sort.select_by_value("sure")
    assert seen.about("ROI") == run.scores.roi_id[int(run.scores.probabilities.max(axis=1).argmax())]
    sort.select_by_value("patient")
    assert seen.about("patient") == "number 1"


def test_arrow_keys_go_through_the_rois_and_stop_at_the_ends(seen: Viewer) -> None:
    first = seen.about("ROI")
    seen.press(Keys.ARROW_LEFT)
    assert seen.place == "1 of 120"
    for _ in range(2):
        seen.press(Keys.ARROW_RIGHT)
    assert seen.place == "3 of 120"
    seen.press(Keys.ARROW_LEFT)
    seen.press(Keys.ARROW_LEFT)
    assert seen.about("ROI") == first
    marked = seen.find("grid").find_elements(By.CSS_SELECTOR, "[aria-current]")
    assert len(marked) == 1


def test_the_last_case_is_reached_by_keys(seen: Viewer) -> None:
    """Thumbnails are made as they are needed."""
    assert len(seen.find("grid").find_elements(By.TAG_NAME, "button")) < 120
    ActionChains(seen.browser).send_keys(Keys.ARROW_RIGHT * 130).perform()
    assert seen.place == "120 of 120"
    assert len(seen.find("grid").find_elements(By.TAG_NAME, "button")) == 120


def test_the_heat_map_goes_on_and_off_by_click_and_by_key(seen: Viewer) -> None:
    while int(seen.about("ROI"), 16) % 5 == 0:  # those maps are withheld
        seen.press(Keys.ARROW_RIGHT)
    WebDriverWait(seen.browser, WAIT_S).until(lambda _: seen.find("crop").get_attribute("data-heat") == "on")
    assert not grey(seen.pixels())
    seen.find("heat").click()
    assert grey(seen.pixels())
    seen.press("h")
    assert not grey(seen.pixels())


def test_a_withheld_map_is_said_and_cannot_be_shown(seen: Viewer) -> None:
    while int(seen.about("ROI"), 16) % 5:
        seen.press(Keys.ARROW_RIGHT)
    WebDriverWait(seen.browser, WAIT_S).until(lambda _: seen.find("crop").get_attribute("data-heat") == "off")
    assert seen.find("withheld").text == "Heat map withheld: <no better>."
    assert not seen.find("heat").is_enabled()
    assert grey(seen.pixels())


def test_the_card_of_a_withheld_map_says_so(seen: Viewer) -> None:
    for withheld in (True, False):
        while (int(seen.about("ROI"), 16) % 5 == 0) != withheld:
            seen.press(Keys.ARROW_RIGHT)
        card = seen.find("grid").find_element(By.CSS_SELECTOR, "[aria-current]")
        picture = card.find_element(By.TAG_NAME, "img")
        said = [card.get_attribute("title"), picture.get_attribute("alt")]
        assert [text.endswith("; heat map withheld") for text in said] == [withheld] * 2
        mark = seen.browser.execute_script("return getComputedStyle(arguments[0], '::after').content", card)
        assert mark == ('"no heat map"' if withheld else "none")
        assert seen.find("withheld").is_displayed() == withheld


def grey(pixels: np.ndarray) -> bool:
    return bool((np.ptp(pixels, axis=2) <= 1).all())


def test_window_level_and_invert_change_the_greys(seen: Viewer) -> None:
    seen.press("h")
    plain = seen.pixels()
    seen.press("i")
    np.testing.assert_array_equal(seen.pixels(), 255 - plain)
    seen.press("i")
    ActionChains(seen.browser).click_and_hold(seen.find("crop")).move_by_offset(-60, 0).release().perform()
    narrow = seen.pixels()
    assert narrow.std() > plain.std()
    seen.find("plain").click()
    np.testing.assert_array_equal(seen.pixels(), plain)
    seen.press("h")


def test_the_place_in_the_film_is_drawn(seen: Viewer) -> None:
    """A film of 400 × 500 and one of 300 × 300; the box begins at a tenth and a fifth of either."""
    film = seen.find("film")
    size = seen.browser.execute_script("return [arguments[0].width, arguments[0].height]", film)
    assert tuple(size) in {(256, 320), (320, 320)}
    blue = seen.browser.execute_script(
        "const c = arguments[0]; return [...c.getContext('2d').getImageData(0.1 * c.width, 0.3 * c.height, 1, 1).data]",
        film,
    )
    assert blue[2] > 150 > blue[0]


def test_arrow_keys_in_a_list_are_the_lists_own(seen: Viewer) -> None:
    seen.find("sort").send_keys(Keys.ARROW_RIGHT)
    assert seen.place == "1 of 120"


def test_without_scripts_the_page_reads_as_before(browser: Any, viewer: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(viewer.as_uri())
        assert not browser.find_element(By.ID, "case-viewer").is_displayed()
        assert browser.find_element(By.ID, "examples").is_displayed()
        assert browser.find_element(By.ID, "plot-roc").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

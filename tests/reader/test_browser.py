"""The page in Chromium: draw a box, read the class, save, restart the server, and it is still there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.page_client import serving

from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.reader.answers import Answers
from keras_cwp.reader.desk import Desk
from keras_cwp.reader.films import Films, films_of_folder
from keras_cwp.reader.guard import Access
from keras_cwp.reader.tables import read_rows

pytestmark = pytest.mark.slow
WIDTH, HEIGHT = 1280, 800
_WAIT_S = 60
_GREY = (
    "const f = document.getElementById('film'); return Array.from(f.getContext('2d').getImageData(%d, %d, 1, 1).data)"
)

_READING = """
return fetch("/api/reading", {
  method: "POST", headers: {"Content-Type": "application/json"}, body: '{"reader": "R1"}',
}).then(answer => answer.json())
"""


class Page:
    """A browser at the page.

    Args:
        driver: of Selenium.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, port: int, reader: str) -> None:
        self.driver.get(f"http://127.0.0.1:{port}/")
        if not self.script("return localStorage.getItem('reader')"):
            self.wait(lambda: self.script("return document.getElementById('who').open"))
            self.element("name").send_keys(reader)
            self.element("whogo").click()
        self.wait(lambda: self.script("return document.body.dataset.film"))

    def go(self, number: int) -> None:
        self.script(f"document.querySelectorAll('#list button')[{number}].click()")
        self.wait(lambda: self.script("return document.body.dataset.film") == str(number))

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
        """From one place of the film to another, in its pixels."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.actions.mouse_button import MouseButton

        canvas = self.element("over")
        half = canvas.size["width"] / 2, canvas.size["height"] / 2
        places = [[round(a - h) for a, h in zip(self.on_screen(*each), half, strict=True)] for each in (start, end)]
        chain = ActionChains(self.driver, duration=60)
        chain.move_to_element_with_offset(canvas, *places[0])
        which = MouseButton.RIGHT if button == "right" else MouseButton.LEFT
        chain.w3c_actions.pointer_action.pointer_down(which)
        chain.move_to_element_with_offset(canvas, *places[1])
        chain.w3c_actions.pointer_action.pointer_up(which)
        chain.perform()

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        """A place of the film, which is shown whole, on the canvas."""
        size, (width, height) = self.element("over").size, self.film_size
        scale = min(size["width"] / width, size["height"] / height)
        return (x - width / 2) * scale + size["width"] / 2, (y - height / 2) * scale + size["height"] / 2

    def shade(self, x: float, y: float) -> int:
        """What is seen at a place of the film, 0 to 255."""
        red, green, blue, _ = self.script(_GREY % self.on_screen(x, y))
        assert red == green == blue
        return int(red)

    @property
    def film_size(self) -> tuple[int, int]:
        return 160, 120

    def key(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def saved(self) -> None:
        self.wait(lambda: self.element("saved").text == "Saved")

    def element(self, name: str) -> Any:
        return self.driver.find_element("id", name)

    def text(self, selector: str) -> str:
        return str(self.script("return document.querySelector(arguments[0]).textContent", selector))

    def script(self, code: str, *given: object) -> Any:
        return self.driver.execute_script(code, *given)

    def wait(self, condition: Callable[[], Any]) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, _WAIT_S, 0.05).until(lambda _: condition())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium without a window."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("chromium and chromedriver are not installed; see scripts/system_packages")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for each in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(each)
    options.add_argument(f"--window-size={WIDTH},{HEIGHT}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    """A page of its own; nothing may be written to the browser's console.

    Pictures that were still on their way when the test's server ended do not count.
    """
    yield Page(chromium)
    errors = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
    ended = ("net::ERR_CONNECTION_", "net::ERR_EMPTY_RESPONSE")
    assert not [error for error in errors if not any(each in error for each in ended)]
    chromium.execute_script("localStorage.clear()")


@pytest.fixture
def new_desk(answers: Answers, films: Path, tmp_path: Path) -> Iterator[Callable[[], Desk]]:
    """Makes the desk that the next process would have."""
    desks: list[Desk] = []

    def make() -> Desk:
        for desk in desks:
            desk.release()
        _, found = films_of_folder(films, lambda *_: None, lambda _: None)
        desks.append(Desk(answers, Films(found, answers.rules), tmp_path / "out"))
        return desks[-1]

    yield make
    for desk in desks:
        desk.release()


def test_draw_read_save_restart(page: Page, new_desk: Callable[[], Desk], read_run: Path, tmp_path: Path) -> None:
    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        page.go(2)
        assert page.element("patient").get_attribute("value") == "P7"
        page.drag((40, 30), (100, 80))
        predicted = page.wait(lambda: page.text("#decision"))
        assert len(page.script("return document.querySelectorAll('#classes li')")) == len(
            open_predictor(read_run).contract.classes
        )
        page.wait(lambda: page.script("return document.body.dataset.answered") == "whole")
        assert len(page.script("return document.querySelectorAll('#neighbours img')")) == 5
        page.wait(
            lambda: page.script("return [...document.querySelectorAll('#neighbours img')].every(i => i.naturalWidth)")
        )
        page.key("2")
        page.saved()
        assert "normal" in page.text("#boxes .pick")
    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        page.go(2)
        assert "normal" in page.text("#boxes .pick")
        assert page.wait(lambda: page.text("#decision")) == predicted
    (row,) = read_rows(tmp_path / "out" / "rois_R1.csv", "R1")
    assert (row.image, row.patient, row.mark.label) == ("c.dcm", "P7", "normal")
    assert np.abs(np.array(row.mark.box) - (40, 30, 60, 50)).max() < 1


def test_a_box_is_moved_sized_and_removed_by_mouse_and_keys(
    page: Page, new_desk: Callable[[], Desk], tmp_path: Path
) -> None:
    from selenium.webdriver.common.keys import Keys

    def box() -> np.ndarray:
        page.saved()
        beside = page.script(_READING)
        marks = beside["films"]["0"]["marks"]
        return np.array(marks[0]["box"]) if marks else np.zeros(0)

    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        page.go(0)
        page.drag((40, 30), (80, 70))
        first = box()
        page.drag((60, 50), (70, 60))
        assert np.abs(box() - first - (10, 10, 0, 0)).max() < 1.5
        page.drag((90, 80), (110, 90))
        assert np.abs(box() - (50, 40, 60, 50)).max() < 1.5
        before = box()
        page.key(Keys.ARROW_RIGHT)
        assert (box() - before)[0] > 0
        page.key("z")
        assert box() == pytest.approx(before)
        page.key(Keys.DELETE)
        assert not len(box())
        page.key("c")
        made = box()
        assert made[:2] + made[2:] / 2 == pytest.approx((80, 60), abs=1)
        assert not read_rows(tmp_path / "out" / "rois_R1.csv", "R1")  # it has neither label nor patient


def test_window_and_zoom_work_on_grey_values(page: Page, new_desk: Callable[[], Desk]) -> None:
    desk = new_desk()
    with serving(desk) as client:
        page.open(client.port, "R1")
        page.go(2)
        grey = np.frombuffer(desk.pixels(2), "<u2").reshape(120, 160)
        preset = desk.film(2)["presets"][0]

        def expected(low: float, high: float) -> float:
            return float(255 * np.clip((grey[60, 80] - low) / (high - low), 0, 1))

        assert page.shade(80.5, 60.5) == pytest.approx(expected(preset["low"], preset["high"]), abs=4)
        page.key("v")
        trimmed = desk.film(2)["presets"][1]
        page.wait(lambda: page.shade(80.5, 60.5) == pytest.approx(expected(trimmed["low"], trimmed["high"]), abs=4))
        shade = page.shade(80.5, 60.5)
        page.key("i")
        page.wait(lambda: page.shade(80.5, 60.5) == pytest.approx(255 - shade, abs=1))
        page.key("i")
        page.drag((60, 40), (60, 110), button="right")
        page.wait(lambda: page.shade(80.5, 60.5) < shade - 20)  # dragged down: darker
        assert not page.text("#count")  # the second button draws no box


def test_light_and_narrow_nothing_lies_beside_the_screen(page: Page, new_desk: Callable[[], Desk]) -> None:
    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        for width, height in ((420, 900), (WIDTH, HEIGHT)):
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
            page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            page.wait(lambda width=width: page.script("return innerWidth") == width)
            assert page.script("return document.documentElement.scrollWidth") <= width
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert page.script("return document.documentElement.dataset.theme") == "dark"
        page.key("l")
        assert page.script("return document.documentElement.dataset.theme") == "light"
        page.key("?")
        assert "next film" in page.text("#keytable")


def test_fingers_draw_with_one_and_zoom_with_two(page: Page, new_desk: Callable[[], Desk]) -> None:
    def touch(kind: str, *points: tuple[float, float]) -> None:
        frame = page.script("const r = document.getElementById('over').getBoundingClientRect(); return [r.left, r.top]")
        places = [
            {"x": frame[0] + page.on_screen(*point)[0], "y": frame[1] + page.on_screen(*point)[1], "id": number}
            for number, point in enumerate(points)
        ]
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        page.go(0)
        touch("touchStart", (40, 30))
        for step in range(1, 7):
            touch("touchMove", (40 + 10 * step, 30 + 5 * step))
        touch("touchEnd")
        page.wait(lambda: page.text("#count") == "(1)")
        shade = page.shade(100, 40)
        touch("touchStart", (60, 60), (100, 60))
        for step in range(1, 7):
            touch("touchMove", (60 - 5 * step, 60), (100 + 5 * step, 60))
        touch("touchEnd")
        page.wait(lambda: page.shade(100, 40) != shade)
        assert page.text("#count") == "(1)"  # two fingers draw nothing


def test_a_blind_reader_sees_the_answer_after_the_label(
    page: Page, answers: Answers, films: Path, tmp_path: Path
) -> None:
    _, found = films_of_folder(films, lambda *_: None, lambda _: None)
    desk = Desk(answers, Films(found, answers.rules), tmp_path / "out", blind=True)
    with serving(desk) as client:
        page.open(client.port, "R1")
        page.go(2)
        page.drag((40, 30), (100, 80))
        page.wait(lambda: "Label the box first" in page.text("#neighboursaid"))
        page.wait(lambda: page.script("return document.body.dataset.answered") == "whole")
        assert not page.text("#decision")
        assert not page.script("return document.querySelector('#classes').checkVisibility()")
        page.key("1")
        page.wait(lambda: page.text("#decision"))
        page.saved()
    desk.release()


def test_a_server_with_a_token_asks_for_it(page: Page, new_desk: Callable[[], Desk]) -> None:
    with serving(new_desk(), Access("127.0.0.1", "s" * 32)) as client:
        page.driver.get(f"http://127.0.0.1:{client.port}/")
        page.wait(lambda: page.script("return document.getElementById('who').open"))
        page.element("token").send_keys("s" * 32)
        page.element("name").send_keys("R1")
        page.element("whogo").click()
        page.wait(lambda: page.script("return document.body.dataset.film"))
        page.wait(lambda: page.script("return document.querySelector('#list img')?.naturalWidth"))
        page.script("sessionStorage.clear()")
        page.driver.get("about:blank")
        page.driver.get(f"http://127.0.0.1:{client.port}/#token={'s' * 32}")
        page.wait(lambda: page.script("return document.querySelector('#list img')?.naturalWidth"))
        assert page.script("return location.hash") == ""
    page.driver.get_log("browser")  # the refusal of the first question is in it


def test_a_film_is_read_by_the_keyboard_alone(page: Page, new_desk: Callable[[], Desk], tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        page.go(0)
        page.key("c", Keys.ARROW_LEFT, "3", "t")
        page.key(*"Q1", Keys.ENTER)  # typed into the field, and no key of the page
        assert page.element("patient").get_attribute("value") == "Q1"
        page.key("d")
        page.wait(lambda: page.script("return document.body.dataset.film") == "1")
        assert "done" in page.text("#list li[data-number='0'] .state")
        page.key("p")
        page.wait(lambda: page.script("return document.body.dataset.film") == "0")
        page.key("d", "d")  # opened again, and done
        page.wait(lambda: page.script("return document.body.dataset.film") == "1")
    (row,) = read_rows(tmp_path / "out" / "rois_R1.csv", "R1")
    assert (row.image, row.patient, row.mark.label) == ("a.png", "Q1", "small_opacities")
    assert row.mark.box[0] + row.mark.box[2] / 2 < 80


def test_a_film_that_cannot_be_read_is_named_and_the_next_one_opens(
    page: Page, answers: Answers, films: Path, tmp_path: Path
) -> None:
    (films / "a.png").write_bytes(b"no picture")
    _, found = films_of_folder(films, lambda *_: None, lambda _: None)
    desk = Desk(answers, Films(found, answers.rules), tmp_path / "out")
    with serving(desk) as client:
        page.driver.get(f"http://127.0.0.1:{client.port}/")
        page.wait(lambda: page.script("return document.getElementById('who').open"))
        page.element("name").send_keys("R1")
        page.element("whogo").click()
        page.wait(lambda: "a.png" in page.text("#message"))
        assert page.element("patient").get_attribute("disabled")
        page.key("c", "d")  # there is nothing to mark, and nothing is saved
        page.key("n")
        page.wait(lambda: page.script("return document.body.dataset.film") == "1")
        assert not page.text("#message")
    assert not list((tmp_path / "out").glob("r*"))
    desk.release()
    page.driver.get_log("browser")  # the refusal is in it

"""The page in Chromium: draw a box, read the class, save, restart the server, and it is still there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.page_client import serving
from support.reader_page import HEIGHT, WIDTH, Page

from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.reader.answers import Answers
from keras_cwp.reader.desk import Desk
from keras_cwp.reader.films import Films, films_of_folder
from keras_cwp.reader.guard import Access
from keras_cwp.reader.tables import read_rows

pytestmark = pytest.mark.slow

_READING = """
return fetch("/api/reading", {
  method: "POST", headers: {"Content-Type": "application/json"}, body: '{"reader": "R1"}',
}).then(answer => answer.json())
"""


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


@pytest.mark.parametrize("width", [821, 900, 951])
def test_the_tools_take_two_rows_at_most(page: Page, new_desk: Callable[[], Desk], width: int) -> None:
    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        page.wait(lambda: page.script("return innerWidth") == width)
        tops = page.script("return [...document.querySelectorAll('#tools .group')].map(group => group.offsetTop)")
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert len(tops) == 3
        assert len(set(tops)) <= 2


def test_a_film_that_is_no_dicom_file_offers_no_report_and_says_why(page: Page, new_desk: Callable[[], Desk]) -> None:
    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        page.go(0)
        page.drag((40, 30), (100, 80))
        page.wait(lambda: page.text("#count") == "(1)")
        assert not page.element("send").is_enabled()
        assert "this film is no DICOM file" in page.element("noreport").text
        assert page.element("send").get_attribute("aria-describedby") == "noreport"


def test_a_report_is_offered_while_there_is_a_box(page: Page, new_desk: Callable[[], Desk]) -> None:
    from selenium.webdriver.common.keys import Keys

    with serving(new_desk()) as client:
        page.open(client.port, "R1")
        page.go(2)
        assert not page.element("send").is_enabled()
        assert "there is no box on this film" in page.element("noreport").text
        page.drag((40, 30), (100, 80))
        page.wait(lambda: page.element("send").is_enabled())
        assert not page.element("noreport").is_displayed()
        page.key(Keys.DELETE)
        page.wait(lambda: not page.element("send").is_enabled())


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

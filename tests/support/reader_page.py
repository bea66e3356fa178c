"""A browser at the reading page: what a reader does there, and what is seen of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WIDTH, HEIGHT = 1280, 800
_WAIT_S = 60
_GREY = (
    "const f = document.getElementById('film'); return Array.from(f.getContext('2d').getImageData(%d, %d, 1, 1).data)"
)


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

"""A run, films and a desk, shared by the tests of the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.chromium import chromium_of
from support.reader_page import HEIGHT, WIDTH, Page
from support.reading import write_films, write_run

from keras_cwp.reader.answers import Answers
from keras_cwp.reader.desk import Desk
from keras_cwp.reader.films import Films, films_of_folder


@pytest.fixture(scope="session")
def read_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN whose data folder is there; see support/reading.py."""
    return write_run(tmp_path_factory.mktemp("reading"))


@pytest.fixture(scope="session")
def answers(read_run: Path) -> Iterator[Answers]:
    """The model, with heat maps and neighbours prepared."""
    found = Answers(read_run)
    found.start()
    found.wait()
    yield found
    found.stop()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder of three films."""
    return write_films(tmp_path / "films")


@pytest.fixture
def desk(answers: Answers, films: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk with these films; its tables go to `out`."""
    _, found = films_of_folder(films, lambda *_: None, lambda _: None)
    desk = Desk(answers, Films(found, answers.rules), tmp_path / "out")
    yield desk
    desk.release()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """A browser as large as a small screen."""
    with chromium_of(WIDTH, HEIGHT) as opened:
        yield opened


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

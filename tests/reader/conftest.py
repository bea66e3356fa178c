"""A run, films and a desk, shared by the tests of the reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
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

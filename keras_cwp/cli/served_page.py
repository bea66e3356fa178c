"""The page to read films on, beside the REST API of keras-cwp serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_cwp.errors import DataError, ServingError

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@contextmanager
def served_page(
    folder: Path | None, model: Path, host: str, token: str, names: tuple[str, ...]
) -> Iterator[ASGIApp | None]:
    """The page's application while the block runs; None without a folder.

    Args:
        folder: of the radiographs; the readers' tables go there too.
        model: whose answers the page shows.
        host, token: of the server; the page asks its reader for the token.
        names: further host names of the server.

    Raises:
        ServingError: `host` is open to the network and there is no token.
        CwpError: no radiographs, or the model cannot be opened.
    """
    if folder is None:
        yield None
        return
    from keras_cwp.reader.guard import Access, is_loopback

    if not is_loopback(host) and not token:
        raise ServingError(f"--page with --host {host} is open to the network; give --token-file FILE")
    from keras_cwp.reader.answers import Answers
    from keras_cwp.reader.app import reader_app
    from keras_cwp.reader.desk import Desk
    from keras_cwp.reader.films import Films, films_of_folder
    from keras_cwp.reader.sending import FOLDER

    _, films = films_of_folder(folder, _left_out, _say, folder / FOLDER)
    answers = Answers(model)
    with closing(Desk(answers, Films(films, answers.rules), folder)) as desk:
        desk.start()
        yield reader_app(desk, Access(host, token, names))


def _say(line: str) -> None:
    click.echo(f"keras-cwp: {line}", err=True)


def _left_out(error: DataError, _: int) -> None:
    _say(f"left out: {error}")

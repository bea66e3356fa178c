"""keras-cwp read."""

from __future__ import annotations

import contextlib
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_cwp.cli.options import PATH, Output, output_options
from keras_cwp.errors import DataError, ServingError
from keras_cwp.wording import plural

if TYPE_CHECKING:
    from keras_cwp.prediction.archive import Archive
    from keras_cwp.reader.films import Film
    from keras_cwp.reader.guard import Access

_PORT = click.IntRange(0, 65535)
_HERE = Path(".")


@click.command("read")
@click.argument("model", type=PATH)
@click.argument("folder", type=PATH, default=_HERE, metavar="[FOLDER]")
@click.option("--images", type=PATH, help="Folder of the radiographs, when FOLDER is a ROI table.")
@click.option("--out", type=PATH, help="Folder for the readers' tables (default: the folder of the radiographs).")
@click.option("--reader", metavar="NAME", help="Pseudonym of the reader; the page asks for it if left out.")
@click.option("--blind", is_flag=True, help="Show model and given labels only after the reader's own label.")
@click.option(
    "--archive",
    metavar="ADDRESS",
    help="Where reports are sent too: dicom://CALLED_AE@HOST:PORT (?aet=OWN_AE), or a DICOMweb address.",
)
@click.option("--archive-token-file", type=PATH, help="File with the bearer token of the DICOMweb service.")
@click.option("--port", type=_PORT, default=8600, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for every one.")
@click.option("--token-file", type=PATH, help="File with the bearer token; needed when --host is not loopback.")
@click.option("--tls-cert", type=PATH, help="Certificate and chain, PEM.")
@click.option("--tls-key", type=PATH, help="Its key, PEM.")
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help="Further name of this server.")
@output_options
def command(
    model: Path,
    folder: Path,
    images: Path | None,
    out: Path | None,
    reader: str | None,
    blind: bool,
    archive: str | None,
    archive_token_file: Path | None,
    port: int,
    host: str,
    token_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    names: tuple[str, ...],
    output: Output,
) -> None:
    """Read films in the browser, with MODEL beside: draw a box, see what the model says, label it.

    MODEL is a RUN, a .keras file or an exported version. FOLDER holds radiographs (DICOM, PNG, JPEG, TIFF), or is one
    of them, or a ROI table whose boxes are to be read; it is the current folder if left out.

    Each reader's boxes go to OUT/rois_NAME.csv, which `keras-cwp prepare --rois` takes as it is. Nothing leaves this
    machine unless --archive is given. Add --open to show the page at once; Ctrl-C ends it.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    access = _access(host, token_file, names)
    from keras_cwp.runtime import give_large_blocks_back

    sent_to = _archive(archive, archive_token_file)
    give_large_blocks_back()
    root, films = _films(folder, images, out, output)
    from keras_cwp.reader.answers import Answers
    from keras_cwp.reader.app import reader_app
    from keras_cwp.reader.desk import Desk
    from keras_cwp.reader.films import Films
    from keras_cwp.reader.marks import reader_name
    from keras_cwp.reader.server import listening, logging_to_stderr

    answers = Answers(model)
    desk = Desk(
        answers, Films(films, answers.rules), out or root, reader_name(reader) if reader else "", blind, sent_to
    )
    from keras_cwp.cli.serve import told_to_stop

    with contextlib.closing(desk), logging_to_stderr(), told_to_stop() as stop:
        desk.start()
        tls = (tls_cert, tls_key) if tls_cert and tls_key else None
        with listening(reader_app(desk, access), host, port, tls) as taken:
            address = f"{'https' if tls else 'http'}://{_shown(host)}:{taken}/"
            found = {"address": address, "films": len(films), "out": str(out or root)}
            output.result(f"{address}  {plural(len(films), 'film')}; Ctrl-C ends", found)
            if output.open_page:
                webbrowser.open(address)
            stop.wait()


def _access(host: str, token_file: Path | None, names: tuple[str, ...]) -> Access:
    """Who may ask: on an open address, those who have the token."""
    from keras_cwp.reader.guard import Access, is_loopback
    from keras_cwp.serving.token import read_token

    if not is_loopback(host) and token_file is None:
        raise ServingError(f"--host {host} is open to the network; give --token-file FILE (`openssl rand -hex 32`)")
    return Access(host, read_token(token_file) if token_file else "", names)


def _archive(address: str | None, token_file: Path | None) -> Archive | None:
    """Where reports are sent too; None for nowhere."""
    if address is None:
        if token_file:
            raise click.UsageError("--archive-token-file is for --archive")
        return None
    from keras_cwp.prediction.archive import parse_archive
    from keras_cwp.serving.token import read_token

    return parse_archive(address, read_token(token_file) if token_file else "")


def _films(folder: Path, images: Path | None, out: Path | None, output: Output) -> tuple[Path, list[Film]]:
    """The folder of radiographs, and the films."""
    from keras_cwp.reader.films import films_of_folder, films_of_table, is_table

    if is_table(folder):
        return films_of_table(folder, images, output.note)
    if images is not None:
        raise DataError(f"--images {images} is for a ROI table, and {folder} is none")
    from keras_cwp.reader.sending import FOLDER

    reports = (out or folder) / FOLDER
    return films_of_folder(folder, output.left_out, output.note, reports)


def _shown(host: str) -> str:
    """An address that a browser can open."""
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host

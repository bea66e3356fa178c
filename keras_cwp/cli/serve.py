"""keras-cwp serve."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_cwp.cli.options import PATH
from keras_cwp.errors import ServingError
from keras_cwp.serving.server.settings import ENGINES, Engine, Polling, Settings, Tls

if TYPE_CHECKING:
    from keras_cwp.serving.server.server import Server

_PORT = click.IntRange(0, 65535)
_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command("serve")
@click.argument("folders", type=PATH, nargs=-1, required=True, metavar="saved_models/NAME...")
@click.option("--rest-port", type=_PORT, default=8501, show_default=True, help="Port of REST; 0: a free one.")
@click.option("--grpc-port", type=_PORT, default=8500, show_default=True, help="Port of gRPC; 0: a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for every one.")
@click.option(
    "--batching-parameters", type=PATH, help="File for all models; each NAME/batching_parameters.txt if left out."
)
@click.option("--tls-cert", type=PATH, help="Certificate and chain, PEM.")
@click.option("--tls-key", type=PATH, help="Key of the certificate, PEM.")
@click.option("--token-file", type=PATH, help="File with the bearer token that clients have to send.")
@click.option("--max-request-mb", type=click.IntRange(min=1), default=64, show_default=True, help="Size of a request.")
@click.option(
    "--max-requests",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Requests at a time, REST and gRPC together.",
)
@click.option("--timeout", type=_POSITIVE, default=30.0, show_default=True, help="Seconds that a request may take.")
@click.option(
    "--drain", type=_POSITIVE, default=30.0, show_default=True, help="Seconds that a stop waits for requests."
)
@click.option("--poll", type=_POSITIVE, default=1.0, show_default=True, help="Seconds between looks for new versions.")
@click.option(
    "--cors-origin",
    "cors_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin of web pages that may use REST, such as https://viewer.example, or * for all; may be repeated.",
)
@click.option(
    "--json-nan",
    type=click.Choice(["nan", "null"]),
    default="nan",
    show_default=True,
    help="How REST answers write NaN: as TensorFlow Serving does, which strict JSON readers refuse, or as null.",
)
@click.option(
    "--page", type=PATH, metavar="FILMS", help="Folder of radiographs: keras-cwp read's page answers under /."
)
@click.option(
    "--page-model", type=PATH, metavar="MODEL", help="What the page asks: a RUN, say, which has heat maps too."
)
@click.option("--page-host", "page_hosts", multiple=True, metavar="NAME", help="Further host name of the page.")
@click.option(
    "--grpc-reflection", is_flag=True, help="Answer gRPC reflection: which services there are (extra: reflection)."
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="What computes the networks. auto: ONNX Runtime (extra: onnx) where the version carries model.onnx and it "
    "answers the warm-up requests as the SavedModel does, else TensorFlow; onnx: refuse the version instead.",
)
def command(
    folders: tuple[Path, ...],
    rest_port: int,
    grpc_port: int,
    host: str,
    batching_parameters: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    token_file: Path | None,
    max_request_mb: int,
    max_requests: int,
    timeout: float,
    drain: float,
    poll: float,
    cors_origins: tuple[str, ...],
    json_nan: str,
    page: Path | None,
    page_model: Path | None,
    page_hosts: tuple[str, ...],
    grpc_reflection: bool,
    engine: Engine,
) -> None:
    """Serve exported models with TensorFlow Serving's own REST and gRPC API, without TensorFlow Serving.

    Each folder holds the versions of a model; the largest is served, and a larger one as soon as it appears.
    Ctrl-C or SIGTERM answers what has arrived, then stops. The log goes to stderr, one JSON object a line.

    With --page the same port shows radiographs in the browser, as keras-cwp read does; the first model is asked, or
    --page-model. Readers' tables go to FILMS. With --token-file the page asks for the token too.
    """
    _check_pairs(tls_cert, tls_key, page, bool(page_model or page_hosts))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow's own log quotes inputs that an operation refuses
    from keras_cwp.cli.served_page import served_page
    from keras_cwp.runtime import import_tensorflow

    import_tensorflow(keep_memory=False)
    from keras_cwp.serving.server.log import logging_to_stderr
    from keras_cwp.serving.server.server import Server
    from keras_cwp.serving.token import read_token

    settings = Settings(
        host=host,
        rest_port=rest_port,
        grpc_port=grpc_port,
        tls=Tls(tls_cert, tls_key) if tls_cert and tls_key else None,
        token=read_token(token_file) if token_file else "",
        max_request_bytes=max_request_mb * 2**20,
        max_requests=max_requests,
        timeout_s=timeout,
        drain_s=drain,
        polling=Polling(every_s=poll),
        cors_origins=cors_origins,
        nan_as_null=json_nan == "null",
        reflection=grpc_reflection,
        engine=engine,
    )
    if not settings.is_loopback() and not (settings.token and settings.tls):
        click.echo(f"keras-cwp: warning: {host} is open to the network without --token-file and TLS", err=True)
    shown = served_page(page, page_model or folders[0], host, settings.token, page_hosts)
    with logging_to_stderr(), told_to_stop() as stop, shown as app:
        _run(Server(list(folders), settings, batching_parameters, app), settings, app is not None, stop)


def _check_pairs(tls_cert: Path | None, tls_key: Path | None, page: Path | None, of_page: bool) -> None:
    """Refuse options that lack the one that they belong to."""
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    if page is None and of_page:
        raise click.UsageError("--page-model and --page-host are for --page")


def _run(server: Server, settings: Settings, has_page: bool, stop: threading.Event) -> None:
    """Start a server, say where it is, and stop it when told to."""
    try:
        server.start()
        if not server.ready():
            raise ServingError("; ".join(server.faults()))
        root = f"http{'s' if settings.tls else ''}://{settings.host}:{server.rest_port}/"
        click.echo(f"REST {root}v1/models gRPC {settings.host}:{server.grpc_port}")
        for line in server.engines():
            click.echo(line)
        if has_page:
            click.echo(f"page {root}")
        stop.wait()
    finally:
        server.stop()


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C or SIGTERM."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

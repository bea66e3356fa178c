"""The embedded server: both APIs over the same models, from start to a stop that drains."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from keras_cwp.errors import ServingError
from keras_cwp.serving.http_config import http_config
from keras_cwp.serving.server import parameters
from keras_cwp.serving.server.beside import with_page
from keras_cwp.serving.server.engines import open_servable
from keras_cwp.serving.server.grpc_services import grpc_server
from keras_cwp.serving.server.log import event
from keras_cwp.serving.server.metrics import Metrics
from keras_cwp.serving.server.model_configs import ModelConfig, config_of_folder
from keras_cwp.serving.server.rest import rest_app
from keras_cwp.serving.server.servable import Servable
from keras_cwp.serving.server.service import Service
from keras_cwp.serving.server.settings import Settings
from keras_cwp.serving.server.slots import Slots
from keras_cwp.serving.server.slow_clients import bounded_protocol
from keras_cwp.serving.server.version import Version
from keras_cwp.serving.server.versions import Versions
from keras_cwp.serving.server.wrong_scheme import log_failed_handshakes

_START_S = 30.0
_MAX_CONNECTIONS = 1024
_MAX_HEADER_BYTES = 32 * 1024
_SPARE_THREADS = 8  # status and metadata are answered though every request thread waits for the model


class Server:
    """Serves the models of some folders.

    Args:
        folders: saved_models/NAME each.
        settings: see there.
        batching: a batching parameters file for all models; None: each model's own, if it has one.
        page: an application that answers the paths beside the REST API; None: nothing does.

    Raises:
        ServingError: a folder or file that cannot be used, or a port that is taken.
    """

    def __init__(
        self, folders: list[Path], settings: Settings, batching: Path | None = None, page: ASGIApp | None = None
    ) -> None:
        configs = _configs(folders)
        self._batching = None if batching is None else parameters.read_parameters(batching)
        for config in configs:
            _parameters_of(config)  # a file that cannot be read is refused before anything is started
        self._settings = settings
        metrics = Metrics()
        self._versions = Versions(configs, self._load, settings.polling)
        metrics.watch(self._states)
        service = Service(self._versions, metrics, Slots(settings.max_requests))
        self._workers = [ThreadPoolExecutor(settings.max_requests + _SPARE_THREADS, name) for name in ("rest", "grpc")]
        self._socket = _listening(settings)
        try:
            roots = {config.base_path.parent for config in configs}
            self._grpc, self._health, self.grpc_port = grpc_server(service, settings, self._workers[1], roots)
        except (RuntimeError, OSError, ValueError) as error:
            self._socket.close()
            raise ServingError(
                f"gRPC on {settings.host}:{settings.grpc_port}: {_reason(error)}; --grpc-port names another port"
            ) from None
        self.rest_port: int = self._socket.getsockname()[1]
        app = with_page(rest_app(service, settings, self._workers[0]), page)
        self._rest = uvicorn.Server(_uvicorn(app, settings))
        self._rest_thread = threading.Thread(target=self._rest.run, args=([self._socket],), name="rest", daemon=True)

    def start(self) -> None:
        """Load the models, then answer.

        Raises:
            ServingError: the REST server did not start.
        """
        self._versions.start()
        self._grpc.start()
        self._rest_thread.start()
        until = time.monotonic() + _START_S
        while not self._rest.started:
            if not self._rest_thread.is_alive() or time.monotonic() > until:
                raise ServingError(f"REST on {self._settings.host}:{self.rest_port} did not start")
            time.sleep(0.01)
        self._health.start()
        event("started", rest_port=self.rest_port, grpc_port=self.grpc_port, ready=self.ready())

    def ready(self) -> bool:
        """Whether every model has a version that answers."""
        return self._versions.available()

    def faults(self) -> list[str]:
        """Why models have no version that answers; a line each."""
        return self._versions.faults()

    def stop(self) -> None:
        """Take no more requests, answer those that are here, unload the models."""
        event("stopping")
        self._health.stop()
        self._rest.should_exit = True
        self._grpc.stop(self._settings.drain_s).wait()
        if self._rest_thread.ident is not None:
            self._rest_thread.join()
        self._socket.close()
        self._versions.stop()
        for pool in self._workers:
            pool.shutdown()
        event("stopped")

    def engines(self) -> list[str]:
        """What computes each version that answers; a line each, with the reason where it is not ONNX Runtime."""
        lines = []
        for version in self._listed():
            if (servable := version.servable) is not None:
                reason = f", because {servable.why_not_onnx}" if servable.why_not_onnx else ""
                lines.append(f"{version.model} version {version.number}: {servable.engine}{reason}")
        return lines

    def _load(self, path: Path, config: ModelConfig) -> Servable:
        servable = open_servable(path, self._batching or _parameters_of(config), self._settings.engine)
        refused = servable.why_not_onnx
        extra: dict[str, Any] = {"why_not_onnx": refused} if refused else {}
        event("engine", model=config.name, version=path.name, engine=servable.engine, **extra)
        return servable

    def _listed(self) -> Iterator[Version]:
        for name in self._versions.models():
            yield from self._versions.listed(name)

    def _states(self) -> Iterator[tuple[str, int, str, str]]:
        for version in self._listed():
            servable = version.servable
            yield version.model, version.number, version.state.name, servable.engine if servable else ""


def _configs(folders: list[Path]) -> list[ModelConfig]:
    configs = [config_of_folder(folder) for folder in folders]
    names = [config.name for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise ServingError(f"{name!r} is the name of several of the folders; a model needs a name of its own")
    return configs


def _parameters_of(config: ModelConfig) -> parameters.BatchingParameters:
    path = config.base_path / parameters.FILE
    return parameters.read_parameters(path) if path.is_file() else parameters.UNSTATED


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.rest_port))
    except OSError as error:
        listening.close()
        hint = "; name another with --rest-port" if error.errno == errno.EADDRINUSE else ""
        raise ServingError(f"REST on {settings.host}:{settings.rest_port}: {_reason(error)}{hint}") from None
    return listening


def _uvicorn(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    config = http_config(
        app,
        None if settings.tls is None else (settings.tls.certificate, settings.tls.key),
        http=bounded_protocol(settings.timeout_s),
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=int(settings.drain_s),
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
    )
    if config.ssl is not None:
        log_failed_handshakes(config.ssl)
    return config


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__

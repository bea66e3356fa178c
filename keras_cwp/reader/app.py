"""The page's server as an ASGI application: routes, JSON in and out, errors as one sentence.

Films and training ROIs are addressed by number, and readers are named in the body of a request, so that no name of a
patient, file or reader is part of a URL.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from keras_cwp.errors import CwpError, DataError
from keras_cwp.reader.desk import Desk
from keras_cwp.reader.guard import Access, Guard
from keras_cwp.reader.tables import OutdatedError

_LOGGER = logging.getLogger("keras_cwp.reader")
_MOST_BYTES = 1 << 20  # of a request's body: 500 boxes are a tenth of that
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def reader_app(desk: Desk, access: Access) -> ASGIApp:
    """The application behind its guard."""
    assets = _assets()

    def page(_: Request) -> Response:
        return assets["index.html"]

    def asset(request: Request) -> Response:
        return assets.get(request.path_params["name"]) or _error(404, "no such file")

    routes = [
        Route("/", page),
        Route("/assets/{name}", asset),
        Route("/api/study", _get(lambda _: desk.study())),
        Route("/api/state", _get(lambda _: desk.state())),
        Route("/api/films/{number:int}", _get(lambda path: desk.film(path["number"]))),
        Route("/api/films/{number:int}/pixels", _get(lambda path: desk.pixels(path["number"]))),
        Route("/api/films/{number:int}/thumbnail", _get(lambda path: desk.thumbnail(path["number"]), "image/png")),
        Route("/api/training/{row:int}", _get(lambda path: desk.training_picture(path["row"]), "image/png")),
        _post("/api/films/{number:int}/answer", lambda path, said: desk.answer(path["number"], said.get("box"))),
        _post(
            "/api/films/{number:int}/heat",
            lambda path, said: desk.heat(path["number"], said.get("box"), said.get("class")),
        ),
        _post("/api/films/{number:int}/marks", lambda path, said: desk.save(path["number"], said)),
        _post("/api/films/{number:int}/send", lambda path, said: desk.send(path["number"], said.get("reader"))),
        _post("/api/reading", lambda _, said: desk.reading(said.get("reader"))),
        _post("/api/suggest", lambda _, said: desk.suggest(said.get("reader"))),
        _post("/api/agreement", lambda _, said: desk.agreement(said.get("first"), said.get("second"))),
    ]
    return Guard(Starlette(routes=routes), access, data=["/api/"])


def _get(answer: Callable[[dict[str, Any]], Any], media_type: str = "application/octet-stream") -> Any:
    async def endpoint(request: Request) -> Response:
        return await _answered(media_type, answer, request.path_params)

    return endpoint


def _post(path: str, answer: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            said = await _body(request)
        except DataError as error:
            return _error(400, str(error))
        except ClientDisconnect:
            return Response(status_code=400)
        return await _answered("", answer, request.path_params, said)

    return Route(path, endpoint, methods=["POST"])


async def _answered(media_type: str, answer: Callable[..., Any], *given: Any) -> Response:
    """What a function of the desk gives, as bytes or JSON; it runs in a thread."""
    try:
        found = await run_in_threadpool(answer, *given)
    except OutdatedError as error:
        return _error(409, str(error))
    except CwpError as error:
        return _error(400, str(error))
    except Exception as error:  # an error of ours: its text might quote a header or a table
        _LOGGER.error("%s", _fault(error))
        return _error(500, f"the server failed ({type(error).__name__}); its log says where")
    return Response(found, media_type=media_type) if isinstance(found, bytes) else _json(found)


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        DataError: too large, or no JSON object.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise DataError("the body has to be JSON (Content-Type: application/json)")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > _MOST_BYTES:
            raise DataError(f"the request has more than {_MOST_BYTES} bytes")
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError("the body is no JSON") from None
    if not isinstance(said, dict):
        raise DataError("the body has to be a JSON object")
    return said


def _error(status: int, said: str) -> Response:
    return _json({"error": said}, status)


def _json(tree: Any, status: int = 200) -> Response:
    """In ASCII, for a file's name or what a client sent may hold characters that UTF-8 has no bytes for."""
    return Response(json.dumps(tree, allow_nan=False), status, media_type="application/json")


def _fault(error: BaseException) -> str:
    """Type of an error and where it arose, without its text."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = ", ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)
    return f"fault {type(error).__name__} at {where}"


def _assets() -> dict[str, Response]:
    """The page's files by name. Only these are handed out, so that no path can lead elsewhere."""
    found = {}
    for file in resources.files("keras_cwp.reader").joinpath("assets").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _TYPES:
            found[file.name] = Response(file.read_bytes(), media_type=f"{_TYPES[suffix]}; charset=utf-8")
    return found

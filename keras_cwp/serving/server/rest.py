"""TensorFlow Serving's REST API as an ASGI application."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tensorflow_serving.apis import get_model_metadata_pb2

from keras_cwp.serving.server import json_examples, json_input, json_output, metrics
from keras_cwp.serving.server.body import read_body
from keras_cwp.serving.server.proto_answers import metadata_response, status_response
from keras_cwp.serving.server.service import Service, Target
from keras_cwp.serving.server.settings import Settings
from keras_cwp.serving.server.status import Code, Refused, invalid

_MODEL = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
_ASK = re.compile(rf"{_MODEL}:(classify|regress|predict)", re.IGNORECASE)
_LOOK = re.compile(rf"{_MODEL}(/metadata)?", re.IGNORECASE)
_NO_NAME = re.compile(r"/v1/models/?", re.IGNORECASE)
_ORIGIN = re.compile(r"^https?://[^/]*(?=/|$)", re.IGNORECASE)
_JSON = "application/json"
_SHOWN = 200  # characters of a path in a message
_LARGEST_INT64 = 2**63 - 1


def rest_app(service: Service, settings: Settings, workers: ThreadPoolExecutor) -> ASGIApp:
    """The application; it routes by TensorFlow Serving's own expressions.

    Args:
        workers: threads that answer; each holds one request.
    """
    rest = _Rest(service, settings, workers)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await rest.answer(Request(scope, receive))
        await response(scope, receive, send)

    if not settings.cors_origins:
        return app
    methods = ("GET", "POST")
    return CORSMiddleware(app, settings.cors_origins, allow_methods=methods, allow_headers=("*",))


class _Rest:
    def __init__(self, service: Service, settings: Settings, workers: ThreadPoolExecutor) -> None:
        self._service, self._settings, self._workers = service, settings, workers

    async def answer(self, request: Request) -> Response:
        """Any request."""
        try:
            if not self._settings.admits(request.headers.get("authorization", "")):
                raise Refused(Code.UNAUTHENTICATED, "a bearer token is required: Authorization: Bearer TOKEN")
            return await self._routed(request)
        except Refused as refusal:
            headers = {"WWW-Authenticate": "Bearer"} if refusal.code is Code.UNAUTHENTICATED else {}
            return Response(json_output.error(refusal.message), refusal.http, headers, _JSON)
        except ClientDisconnect:
            return Response(status_code=Code.CANCELLED.http)

    async def _routed(self, request: Request) -> Response:
        # A proxy's client sends the whole URL, RFC 9112 3.2.2.
        path, method = _ORIGIN.sub("", request.scope["path"]), request.method
        if path == metrics.PATH and method == "GET":
            return Response(self._service.metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})
        if method == "POST" and (match := _ASK.fullmatch(path)):
            return await self._ask(request, match)
        if method == "GET" and (match := _LOOK.fullmatch(path)):
            return await self._in_thread(self._look, match)
        if method == "GET" and _NO_NAME.fullmatch(path):
            raise invalid("Missing model name in request.")
        if path.lower().startswith(("/v1/", "/monitoring/")):
            raise invalid(f"Malformed request: {method[:20]} {path[:_SHOWN]}")
        raise Refused(Code.NOT_FOUND, f"Not found: {path[:_SHOWN]}; models are under /v1/models/NAME")

    async def _ask(self, request: Request, match: re.Match[str]) -> Response:
        with self._service.slots.taken():
            body, unpack = await read_body(request, self._settings.max_request_bytes, self._settings.timeout_s)
            return await self._in_thread(self._answer, match, body, unpack)

    async def _in_thread(self, function: Callable[..., bytes], *arguments: Any) -> Response:
        loop = asyncio.get_running_loop()
        return Response(await loop.run_in_executor(self._workers, function, *arguments), media_type=_JSON)

    def _answer(self, match: re.Match[str], body: bytes, unpack: Callable[[bytes], bytes]) -> bytes:
        model, method = match[1], match[4].lower()
        with self._service.observed(method, "REST", model):
            given = json_input.document(unpack(body))
            target = _target(match, json_input.signature_name(given))
            seconds = self._settings.timeout_s
            if method == "predict":
                return self._predict(target, given, seconds)
            ask = self._service.classify if method == "classify" else self._service.regress
            outputs = ask(target, lambda: json_examples.examples(given), seconds).outputs
            if method == "regress":
                return self._json(json_output.regressions(outputs["outputs"].reshape(-1)))
            classes, scores = outputs.get("classes"), outputs.get("scores")
            return self._json(json_output.classifications(classes, scores, len(given["examples"])))

    def _json(self, tree: dict[str, Any]) -> bytes:
        return json_output.to_json(json_output.without_nan(tree) if self._settings.nan_as_null else tree)

    def _predict(self, target: Target, given: dict[str, Any], seconds: float) -> bytes:
        as_rows = json_input.is_row_format(given)
        answer = self._service.predict(
            target,
            lambda infos: json_input.predict_inputs(given, infos),
            lambda name: invalid(f'Serving signature name: "{name[:_SHOWN]}" not found in signature def'),
            seconds,
        )
        return self._json(json_output.rows(answer.outputs) if as_rows else json_output.columns(answer.outputs))

    def _look(self, match: re.Match[str]) -> bytes:
        target = _target(match)
        versions = self._service.versions
        if not match[4]:
            response = status_response(versions.status(target.model, target.number, target.label))
            return _pretty(json_output.proto(response))
        response = metadata_response(versions, target)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        tree = {"model_spec": json_output.proto(response.model_spec)}
        described = json_output.proto(signatures)
        for signature in described["signature_def"].values():
            signature.pop("defaults", None)  # TensorFlow Serving leaves them out
        return _pretty({**tree, "metadata": {"signature_def": described}})


def _target(match: re.Match[str], signature: str = "") -> Target:
    if match[2] and int(match[2][:30]) > _LARGEST_INT64:
        raise invalid(f"Failed to convert version: {match[2][:30]} to numeric.")
    return Target(match[1], int(match[2]) if match[2] else None, match[3], signature)


def _pretty(tree: dict[str, Any]) -> bytes:
    return json_output.to_json(tree, indent=1)

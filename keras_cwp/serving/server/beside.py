"""A web page beside the REST API, on one port: paths of the API go to the API, all others to the page."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

_API = ("v1", "monitoring")  # what TensorFlow Serving's paths begin with


def with_page(rest: ASGIApp, page: ASGIApp | None) -> ASGIApp:
    """One application of two; the API alone without a page.

    Args:
        rest: of `rest.rest_app`.
        page: has its own rules of who may ask.
    """
    if page is None:
        return rest

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["path"].startswith("/") and not _is_api(scope["path"])
        await (page if is_page else rest)(scope, receive, send)

    return app


def _is_api(path: str) -> bool:
    """Whatever the case of its letters; a whole URL, as a proxy's client sends it, begins with no slash."""
    return path.split("/")[1].lower() in _API

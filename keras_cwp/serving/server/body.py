"""The body of an HTTP request: read within bounds of size and time, unpacked within the same bound of size."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

from starlette.requests import Request

from keras_cwp.serving.server.status import Code, Refused, invalid

_GZIP = ("gzip", "x-gzip")
_GZIP_BITS = zlib.MAX_WBITS + 16  # zlib's way to say: with gzip's head and tail


async def read_body(request: Request, limit: int, timeout_s: float) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The body as it came, and what unpacks it, which takes its time and so belongs into a thread.

    As in TensorFlow Serving a body may be packed by gzip, and answers never are.

    Args:
        limit: bytes, before and after unpacking.

    Raises:
        Refused: 413 too large, 415 packed otherwise, 408 it did not arrive in time.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", *_GZIP):
        raise Refused(Code.INVALID_ARGUMENT, "of compressed requests gzip alone is read; send it as it is", 415)
    stated = request.headers.get("content-length", "0")
    if not (stated.isascii() and stated.isdecimal()) or int(stated[:20]) > limit:
        raise _too_large(limit)
    try:
        body = await asyncio.wait_for(_read(request, limit), timeout_s)
    except asyncio.TimeoutError:
        late = f"the request's body did not arrive within {timeout_s:g} s"
        raise Refused(Code.INVALID_ARGUMENT, late, 408) from None
    return body, (lambda packed: gunzip(packed, limit)) if coding in _GZIP else bytes


async def _read(request: Request, limit: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


def gunzip(packed: bytes, limit: int) -> bytes:
    """Unpack one gzip stream; no more than `limit` bytes are ever made.

    Raises:
        Refused: 413 there would be more; 400 it is not gzip, is cut short or has something behind it.
    """
    stream = zlib.decompressobj(_GZIP_BITS)
    try:
        body = stream.decompress(packed, limit + 1)
    except zlib.error:
        raise invalid("Content-Encoding is gzip, but the body is not") from None
    if len(body) > limit:
        raise _too_large(limit)
    if not stream.eof or stream.unused_data:
        raise invalid("the gzip body is cut short, or something stands behind its end")
    return body


def _too_large(limit: int) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, f"the request has more than {limit} bytes", 413)

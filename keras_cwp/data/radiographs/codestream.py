"""What the first bytes of a compressed frame say of it: of JPEG, JPEG-LS and JPEG 2000."""

from __future__ import annotations

from typing import NamedTuple

JPEG, JPEG2000 = b"\xff\xd8", b"\xff\x4f"
_SIZE_MARKER = b"\xff\x51"  # of JPEG 2000, ISO 15444-1 A.5.1
_SIZE_DEPTH = 42  # byte of the first component's depth
_FRAME_MARKERS = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)  # SOF, LS
_ITEM_HEADER = 8  # bytes: tag and length


class Stream(NamedTuple):
    """Kind and depth of a compressed frame.

    Args:
        marker: second byte of a JPEG frame header's marker (ISO 10918-1, table B.1; F7: ISO 14495-1), or of JPEG
            2000's size marker.
        precision: bits a sample.
    """

    marker: int
    precision: int


def first_frame(fragments: bytes) -> bytes:
    """What follows the table of offsets and the first fragment's header."""
    offsets = int.from_bytes(fragments[4:_ITEM_HEADER], "little")
    return fragments[2 * _ITEM_HEADER + offsets :]


def stream_of(frame: bytes) -> Stream | None:
    """None where the frame is neither JPEG, JPEG-LS nor JPEG 2000, or is broken."""
    if frame.startswith(JPEG2000 + _SIZE_MARKER) and len(frame) > _SIZE_DEPTH:
        return Stream(_SIZE_MARKER[1], (frame[_SIZE_DEPTH] & 0x7F) + 1)
    if not frame.startswith(JPEG):
        return None
    place = len(JPEG)
    while len(head := frame[place : place + 5]) == 5 and head[0] == 0xFF:
        if head[1] in _FRAME_MARKERS:
            return Stream(head[1], head[4])
        place += 2 + int.from_bytes(head[2:4], "big")
    return None

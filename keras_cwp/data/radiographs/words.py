"""The words of a DICOM radiograph's pixel data, as they are stored, before any bit is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import parse_basic_offsets, parse_fragments
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.data.radiographs.codestream import JPEG, JPEG2000, first_frame, stream_of
from keras_cwp.data.radiographs.dicom_file import syntax_of
from keras_cwp.data.radiographs.layout import Layout
from keras_cwp.errors import DataError

# Lossy JPEG differs by a unit or two between decoders. So the one that setup.cfg asks for comes first, and the one
# that few machines have last.
_FIRST_DECODER, _LAST_DECODER = "pylibjpeg", "gdcm"
_OFFSET_BYTES = 8  # of an entry of the extended offset table
_HALF_COLOURS = "YBR_FULL_422"  # two pixels share their colours: two words a pixel instead of three


def words_of(tags: Attributes, layout: Layout) -> tuple[np.ndarray, str]:
    """Unsigned words [height, width] or [height, width, 3], and the colour space that they are in.

    The colour space is that of the header, unless the compressed stream states another.

    Raises:
        DataError: several frames, no decoder for the transfer syntax, or broken pixel data.
    """
    dataset = tags.dataset
    syntax = syntax_of(dataset)
    content = dataset.PixelData
    photometric = layout.photometric
    if layout.samples == 3 and photometric.startswith("MONOCHROME"):
        photometric = "RGB"
    if syntax.is_encapsulated:
        frames = _frames(dataset, content)
        _note_depth(tags, layout, content)
    else:
        frames, photometric = _native(tags, layout, len(content), photometric)
    if frames > 1:
        raise DataError(f"the pixel data hold {frames} frames; a radiograph has one")
    words, about = _decode(dataset, syntax, layout, photometric)
    words = words.astype(words.dtype.newbyteorder("="), copy=False)
    return words.view(f"u{words.itemsize}"), str(about["photometric_interpretation"])


def _native(tags: Attributes, layout: Layout, length: int, photometric: str) -> tuple[int, str]:
    """Frames that uncompressed pixel data of so many bytes hold, and the colours that they can be."""
    pixels = layout.width * layout.height * layout.allocated // 8
    whole = pixels * layout.samples
    if photometric == _HALF_COLOURS:
        if length == whole + whole % 2:
            tags.note(f"PhotometricInterpretation {_HALF_COLOURS}, but the colours are whole; read as YBR_FULL")
            return 1, "YBR_FULL"
        whole = pixels * 2
    if whole + whole % 2 < length < 2 * whole:
        tags.note(f"the pixel data are {length - whole} bytes longer than {layout.width} × {layout.height} pixels")
    return length // whole, photometric


def _note_depth(tags: Attributes, layout: Layout, content: bytes) -> None:
    """A note where the pixels have fewer bits than a window for the stated depth expects."""
    stream = stream_of(first_frame(content))
    if stream is not None and stream.precision < layout.stored:
        tags.note(
            f"compressed with {stream.precision} bits a pixel, BitsStored is {layout.stored}; see whether the picture "
            "is dark"
        )


def _frames(dataset: pydicom.Dataset, content: bytes) -> int:
    """Frames of compressed pixel data: as a table of offsets says, else as many as fragments start like one."""
    extended = dataset.get("ExtendedOffsetTable")
    if extended:
        return len(extended) // _OFFSET_BYTES
    offsets = parse_basic_offsets(content)
    if offsets:
        return len(offsets)
    start = 8 + int.from_bytes(content[4:8], "little")
    count, places = parse_fragments(content[start:])
    if count < 2:
        return 1
    begin = [content[start + place + 8 : start + place + 10] for place in places]
    return max(1, sum(two in (JPEG, JPEG2000) for two in begin) or count)  # a fragment of RLE is a frame


def _decode(dataset: pydicom.Dataset, syntax: UID, layout: Layout, photometric: str) -> tuple[np.ndarray, dict]:
    options: dict[str, Any] = {
        "raw": True,
        "index": 0,
        "correct_unused_bits": False,
        "rows": layout.height,
        "columns": layout.width,
        "number_of_frames": 1,
        "samples_per_pixel": layout.samples,
        "planar_configuration": layout.planar,
        "photometric_interpretation": photometric,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
        "pixel_keyword": "PixelData",
        "pixel_vr": dataset["PixelData"].VR,
    }
    failures = []
    try:
        decoder = get_decoder(syntax)
        plugins = sorted(decoder.available_plugins, key=_rank)
        for plugin in plugins or [""]:
            try:
                return decoder.as_array(dataset.PixelData, decoding_plugin=plugin, **options)
            except Exception as error:  # the next decoder may know more
                failures.append(error)
    except Exception as error:  # pydicom raises of many kinds on data that it cannot decode
        failures.append(error)
    reasons = dict.fromkeys(" ".join(str(error).split()).rpartition("available plugins: ")[2] for error in failures)
    raise DataError(f"cannot decode transfer syntax {syntax.name}: {'; '.join(reasons)}")


def _rank(plugin: str) -> tuple[bool, bool, str]:
    return plugin == _LAST_DECODER, plugin != _FIRST_DECODER, plugin

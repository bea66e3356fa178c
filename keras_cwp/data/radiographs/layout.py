"""How a DICOM radiograph's pixels lie in their bits, and whether such a layout is read."""

from __future__ import annotations

from dataclasses import dataclass

from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.errors import DataError

GREY = ("MONOCHROME1", "MONOCHROME2")
_INVERSE = {"INVERSE": True, "IDENTITY": False}  # PresentationLUTShape


@dataclass(frozen=True)
class Layout:
    """The image pixel module (PS3.3, C.7.6.3) with what is absent filled in.

    Args:
        allocated: bits of a word, 8 or 16.
        stored: bits of a value, 8 to `allocated`.
        high_bit: of the value in its word, as stated; None where nothing is stated.
        signed: values are two's complement.
        samples: 1, or 3 for colour.
        planar: colours lie one plane after the other.
    """

    width: int
    height: int
    allocated: int
    stored: int
    high_bit: int | None
    signed: bool
    samples: int
    planar: int
    photometric: str


def layout_of(tags: Attributes, max_pixels: int) -> Layout:
    """Read and check the layout.

    Raises:
        DataError: something needed is missing, several frames, too many pixels, or a depth or colour that is not read.
    """
    frames = tags.integer("NumberOfFrames") or 1
    if frames != 1:
        raise DataError(f"{frames} frames; a radiograph has one")
    width, height, allocated = (_needed(tags, keyword) for keyword in ("Columns", "Rows", "BitsAllocated"))
    if width < 1 or height < 1 or width * height > max_pixels:
        raise DataError(f"{width} × {height} pixels; data.max_pixels allows 1 to {max_pixels}")
    high_bit = tags.integer("HighBit")
    stored = tags.integer("BitsStored")
    if stored is None:
        stored = allocated if high_bit is None else high_bit + 1
        tags.note(f"BitsStored is absent; {stored} is taken")
    if allocated not in (8, 16) or not 8 <= stored <= allocated:
        raise DataError(f"{stored} bits stored in {allocated}; only 8 to 16 are read")
    photometric = tags.text("PhotometricInterpretation").upper()
    return Layout(
        width,
        height,
        allocated,
        stored,
        high_bit,
        _signed(tags),
        _samples(tags, photometric),
        _planar(tags),
        photometric,
    )


def is_inverse(tags: Attributes, layout: Layout) -> bool:
    """Whether the least value is white.

    PresentationLUTShape and PhotometricInterpretation say it both (PS3.3, C.8.11.3.1.2). Where they contradict each
    other the shape counts, as in dcmtk and dcm4che, with a note.
    """
    by_photometric = layout.photometric == "MONOCHROME1"
    shape = tags.text("PresentationLUTShape").upper()
    inverse = _INVERSE.get(shape, by_photometric)
    if inverse != by_photometric:
        tags.note(
            f"PresentationLUTShape {shape} contradicts PhotometricInterpretation {layout.photometric}; the shape "
            "counts, so see whether bone is bright in this picture"
        )
    return inverse


def _needed(tags: Attributes, keyword: str) -> int:
    value = tags.integer(keyword)
    if value is None:
        raise DataError(f"its DICOM header cannot be used: no {keyword}")
    return value


def _signed(tags: Attributes) -> bool:
    value = tags.integer("PixelRepresentation")
    if value not in (0, 1):
        tags.note("PixelRepresentation is neither 0 nor 1; pixels are taken as unsigned")
    return value == 1


def _samples(tags: Attributes, photometric: str) -> int:
    samples = tags.integer("SamplesPerPixel") or (1 if photometric in GREY else 3)
    if samples == 3 and photometric in GREY:
        tags.note(f"PhotometricInterpretation {photometric} with 3 samples a pixel; they are read as colours")
    if samples != 3 and (samples != 1 or photometric not in GREY):
        raise DataError(f"PhotometricInterpretation {photometric!r}; grey or three-channel colour is read")
    return samples


def _planar(tags: Attributes) -> int:
    return 1 if tags.integer("PlanarConfiguration") == 1 else 0

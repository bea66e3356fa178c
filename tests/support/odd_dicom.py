"""Odd DICOM radiographs of many kinds, each with the shades that it is to be shown in, computed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from support.dicom_file import dicom

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
SIGNED = (RAMP.astype(np.int16) - 2048).astype(np.int16)
GREY8 = (RAMP // 16).astype(np.uint8)
FULL = {"WindowCenter": "2048", "WindowWidth": "4096"}
NARROW = {"WindowCenter": "1500", "WindowWidth": "2001"}
AS_IS = RAMP / 4095
NARROWED = np.clip((RAMP - 1499.5) / 2000 + 0.5, 0, 1)
CURVE = (RAMP.ravel() / 4095) ** 2  # of a look-up table


@dataclass(frozen=True)
class Odd:
    """One odd file.

    Args:
        shades: expected, in [0, 1].
        note: pattern of the note that says so; "" where nothing needs to be said.
        rewrite: the transfer syntax that the words are compressed with, all bits of them.
    """

    shades: np.ndarray
    pixels: np.ndarray = field(default_factory=lambda: RAMP)
    bits: int = 12
    elements: Mapping[str, object] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    rewrite: str = ExplicitVRLittleEndian

    def write(self, path: Path) -> Path:
        """The file."""
        return dicom(path, self.pixels, self.bits, texts=dict(self.texts), **self.elements) and self._compressed(path)

    def _compressed(self, path: Path) -> Path:
        if self.rewrite == ExplicitVRLittleEndian:
            return path
        dataset = pydicom.dcmread(path)
        stored, high = dataset.BitsStored, dataset.HighBit
        dataset.BitsStored, dataset.HighBit = dataset.BitsAllocated, dataset.BitsAllocated - 1
        dataset.compress(self.rewrite)
        dataset.BitsStored, dataset.HighBit = stored, high
        dataset.save_as(path)
        return path


def table(entries, bits: int, first: int = 0, packed: bool = False, types: tuple[str, str] = ("US", "US")) -> Dataset:
    """An item of a modality or VOI LUT sequence; `types` are those of descriptor and data."""
    entries = np.asarray(entries)
    item = Dataset()
    item.add_new("LUTDescriptor", types[0], [len(entries) % 65536, first, bits])
    if packed:
        item.add_new("LUTData", "OW", entries.astype(np.uint8).tobytes() + bytes(len(entries) % 2))
    elif types[1] == "OW":
        item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    else:
        item.add_new("LUTData", types[1], [int(entry) for entry in entries])
    return item


def _quantised(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Entries of CURVE at a depth, and their shades."""
    white = (1 << bits) - 1
    entries = np.rint(CURVE * white).astype(np.int64)
    return entries, (entries / white).reshape(64, 64)


def _voi(item: Dataset, shades: np.ndarray, **rest) -> Odd:
    return Odd(shades, elements={"VOILUTSequence": [item]}, **rest)


def tables() -> dict[str, Odd]:
    """Look-up tables of every depth, packing, sign and first value."""
    cases = {}
    for bits in (8, 10, 12, 14, 16):
        entries, shades = _quantised(bits)
        cases[f"voi table of {bits} bits"] = _voi(table(entries, bits), shades)
        cases[f"voi table of {bits} bits, words"] = _voi(table(entries, bits, types=("US", "OW")), shades)
        item = table(entries, bits)
        item.ModalityLUTType = "US"
        cases[f"modality table of {bits} bits"] = Odd(shades, elements={"ModalityLUTSequence": [item]})
    entries, shades = _quantised(8)
    cases["voi table of 8 bits, packed"] = _voi(table(entries, 8, packed=True), shades)
    odd = _voi(table(entries[:4095], 8, packed=True), shades.ravel()[np.minimum(RAMP, 4094)])
    cases["voi table of 8 bits, packed, an odd number"] = odd
    item = table(entries, 8, packed=True)
    item.ModalityLUTType = "US"
    cases["modality table of 8 bits, packed"] = Odd(shades, elements={"ModalityLUTSequence": [item]})
    entries, shades = _quantised(12)
    cases["voi table of 12 bits called 16"] = _voi(table(entries, 16), shades, note="entries of 12 bits")
    cases["voi table of 12 bits called 10"] = _voi(table(entries, 10), shades, note="entries of 12 bits")
    entries, shades = _quantised(16)
    cases["voi table of 16 bits called 8"] = _voi(table(entries, 8), shades, note="entries of 16 bits")
    signed = table(np.where(entries > 32767, entries - 65536, entries), 16, types=("US", "SS"))
    cases["voi table written as signed"] = _voi(signed, shades)
    below = Odd(shades, SIGNED, elements={"VOILUTSequence": [table(entries, 16, -2048, types=("SS", "US"))]})
    cases["voi table from below zero"] = below
    wrong = Odd(
        shades, SIGNED, elements={"VOILUTSequence": [table(entries, 16, 63488)]}, note="first value 63488 is read"
    )
    cases["voi table from below zero, written as unsigned"] = wrong
    whole = np.rint((np.arange(65536) / 65535) * 65535)
    few = "less than 1/8 of the shades"
    cases["voi table of 65,536 entries"] = _voi(table(whole, 16, types=("US", "OW")), RAMP / 65535, note=few)
    scaled = {"RescaleSlope": "32", "RescaleIntercept": "0"}
    beyond = {"VOILUTSequence": [table(whole, 16, types=("US", "OW"))], **scaled}
    cases["voi table, index beyond 16 bits"] = Odd(np.minimum(RAMP * 32.0, 65535) / 65535, elements=beyond)
    return cases


def empties() -> dict[str, Odd]:
    """Attributes that are present without a value, each alone."""
    names = (
        "RescaleSlope", "RescaleIntercept", "VOILUTFunction", "VOILUTSequence", "ModalityLUTSequence", "PixelSpacing",
        "ImagerPixelSpacing", "PixelPaddingValue", "PixelPaddingRangeLimit", "NumberOfFrames", "ViewPosition",
        "PresentationLUTShape", "PixelAspectRatio", "HighBit", "PatientID", "BurnedInAnnotation",
        "EstimatedRadiographicMagnificationFactor", "PlanarConfiguration", "PresentationIntentType",
    )  # fmt: skip
    sequences = ("VOILUTSequence", "ModalityLUTSequence")
    cases = {
        f"empty {name}": Odd(NARROWED, elements=NARROW | {name: [] if name in sequences else None}) for name in names
    }
    for name in ("WindowCenter", "WindowWidth"):
        cases[f"empty {name}"] = Odd(AS_IS, elements=NARROW | {name: None}, note="no window .* can be applied")
        cases[f"absent {name}"] = Odd(
            AS_IS, elements={"WindowCenter": "9", "WindowWidth": "9"} | {name: None}, note="no window"
        )
    cases["both window values empty"] = Odd(AS_IS, elements={"WindowCenter": None, "WindowWidth": None})
    cases["empty BitsStored"] = Odd(NARROWED, elements=NARROW | {"BitsStored": None}, note="BitsStored is absent; 12")
    cases["empty PixelRepresentation"] = Odd(
        NARROWED, elements=NARROW | {"PixelRepresentation": None}, note="pixels are taken as unsigned"
    )
    cases["empty SamplesPerPixel"] = Odd(NARROWED, elements=NARROW | {"SamplesPerPixel": None})
    return cases


def windows() -> dict[str, Odd]:
    """Windows and rescale values that are no numbers, or useless ones."""
    cases = {}
    for center, width in (
        ("NaN", "NaN"), ("2048", "nan"), ("inf", "100"), ("2048", "inf"), ("2048", "-inf"), ("0", "0"), ("2048", "-3"),
        ("2048", "0.5"), ("2048", "1e400"), ("20,48", "4096"), ("wide", "4096"), ("", "4096"), ("2048", "4_096"),
    ):  # fmt: skip
        texts = {"WindowCenter": center, "WindowWidth": width}
        cases[f"window {center} {width}"] = Odd(AS_IS, texts=texts, note="no window of .* can be applied")
    texts = {"WindowCenter": "NaN\\1500", "WindowWidth": "NaN\\2001"}
    cases["the second window is good"] = Odd(NARROWED, texts=texts, note="window 1 is taken")
    away = {"WindowCenter": "90000", "WindowWidth": "100"}
    cases["window beside all values"] = Odd(AS_IS, elements=away, note="all pixels in one grey")
    cases["window far too wide"] = Odd(AS_IS, elements=away | {"WindowWidth": "9e9"}, note="one grey")
    dark = {"WindowCenter": "20000", "WindowWidth": "40000"}
    shades = np.clip((RAMP - 19999.5) / 39999 + 0.5, 0, 1)
    cases["window that leaves few shades"] = Odd(shades, elements=dark, note="less than 1/8 of the shades")
    strange = NARROW | {"VOILUTFunction": "CUBIC"}
    cases["unknown function"] = Odd(NARROWED, elements=strange, note="VOILUTFunction 'CUBIC' is not known")
    exact = np.clip((RAMP - 1500.0) / 2001 + 0.5, 0, 1)
    cases["function in small letters"] = Odd(exact, elements=NARROW | {"VOILUTFunction": "linear exact"})
    for slope in ("NaN", "inf", "-inf", "0", "one", "1,5"):
        note = "RescaleSlope.*1 is taken"
        cases[f"slope {slope}"] = Odd(
            NARROWED, elements=NARROW, texts={"RescaleSlope": slope, "RescaleIntercept": "0"}, note=note
        )
    cases["intercept NaN"] = Odd(
        NARROWED,
        elements=NARROW,
        texts={"RescaleSlope": "1", "RescaleIntercept": "NaN"},
        note="0 is taken",
    )
    return cases


def bits() -> dict[str, Odd]:
    """Values in other bits than usual, and bits that are no values."""
    high = {"HighBit": 15, **NARROW}
    noise = np.random.default_rng(0).integers(0, 16, RAMP.shape, dtype=np.uint16)
    cases = {
        "value in the highest bits": Odd(NARROWED, RAMP << 4, elements=high, note="values are read from bits 4 to 15"),
        "value in the highest bits, others below": Odd(
            NARROWED, (RAMP << 4) | noise, elements=high, note="values are read from bits 4 to 15"
        ),
        "high bit stated, value in the lowest": Odd(
            NARROWED, elements=high, note="no pixel uses the highest bits"
        ),
        "high bit below the value": Odd(
            np.clip((RAMP * 16.0 - 1499.5) / 2000 + 0.5, 0, 1), RAMP * 16, 16, {"HighBit": 11, **NARROW},
            note="is a contradiction",
        ),
        "high bit beyond the word": Odd(
            NARROWED, elements={"HighBit": 20, **NARROW}, note="is a contradiction"
        ),
        "signed, high bit stated, value in the lowest": Odd(
            AS_IS, SIGNED, elements={"HighBit": 15, "WindowCenter": "0", "WindowWidth": "4096"},
            note="no pixel uses the highest bits",
        ),
        "signed, value in the highest bits": Odd(
            AS_IS, SIGNED << 4, elements={"HighBit": 15, "WindowCenter": "0", "WindowWidth": "4096"},
            note="values are read from bits 4 to 15",
        ),
    }  # fmt: skip
    overlay = RAMP | (noise << 12)
    for name, syntax in {"": ExplicitVRLittleEndian, ", RLE": RLELossless, ", JPEG 2000": JPEG2000Lossless,
                         ", JPEG-LS": JPEGLSLossless}.items():  # fmt: skip
        cases[f"foreign bits above the value{name}"] = Odd(
            NARROWED, overlay, elements=NARROW, note="bits beside the 12 stored", rewrite=syntax
        )
    group = {0x0010: 64, 0x0011: 64, 0x0100: 16}
    planes = {str(element): DataElement((0x6000, element), "US", value) for element, value in group.items()}
    for bit in (12, 15):
        stated = planes | {"position": DataElement((0x6000, 0x0102), "US", bit)}
        pixels = RAMP | ((noise & 1) << bit).astype(np.uint16)
        cases[f"overlay in bit {bit}"] = Odd(NARROWED, pixels, elements=NARROW | stated)
    return cases


def padding() -> dict[str, Odd]:
    """Padding values of the wrong sign, or that would take everything."""
    signed = SIGNED.copy()
    signed[0, :32] = -30000
    unsigned = RAMP.copy()
    unsigned[0, :32] = 65535
    shades = np.where(signed == -30000, 0, (SIGNED + 2016) / 4063)  # what is left goes from -2016 to 2047
    whole = np.where(unsigned == 65535, 0, (RAMP - 32.0) / 4063)
    return {
        "signed padding written as unsigned": Odd(
            shades,
            signed,
            16,
            {"PixelPaddingValue": DataElement("PixelPaddingValue", "US", 35536)},
        ),
        "unsigned padding written as signed": Odd(
            whole,
            unsigned,
            16,
            {"PixelPaddingValue": DataElement("PixelPaddingValue", "SS", -1)},
        ),
        "padding of ones beyond the stored bits": Odd(whole, unsigned, 12, {"PixelPaddingValue": 65535}),
        "padding that takes every pixel": Odd(
            AS_IS,
            elements={"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 4095},
            note="every pixel would be padding",
        ),
    }


def colours() -> dict[str, Odd]:
    """Grey films in three channels, and whether header and pixels agree."""
    half = np.full_like(GREY8, 128)
    ybr, rgb = np.stack([GREY8, half, half], axis=-1), np.stack([GREY8] * 3, axis=-1)
    shades = GREY8 / 255
    partial = np.stack([(16 + GREY8 * 219.0 / 255).round().astype(np.uint8), half, half], axis=-1)
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1)).reshape(64, 64, 3)
    return {
        "RGB": Odd(shades, rgb, 8),
        "YBR": Odd(shades, ybr, 8, {"PhotometricInterpretation": "YBR_FULL"}),
        "YBR called RGB": Odd(shades, ybr, 8, note="look like YBR_FULL"),
        "RGB called YBR": Odd(
            shades, rgb, 8, {"PhotometricInterpretation": "YBR_FULL"}, note="look like RGB"
        ),
        "whole colours called half": Odd(
            shades, ybr, 8, {"PhotometricInterpretation": "YBR_FULL_422"}, note="colours are whole"
        ),
        "three samples called grey": Odd(
            shades, rgb, 8, {"PhotometricInterpretation": "MONOCHROME2"}, note="3 samples"
        ),
        "plane by plane": Odd(shades, planes, 8, {"PlanarConfiguration": 1}),
        "RGB of 16 bits": Odd(
            (rgb.astype(np.uint16) * 257)[..., 0] / 65535, rgb.astype(np.uint16) * 257, 16
        ),
        "YBR of studio range": Odd(
            (partial[..., 0] - 16.0) / 219, partial, 8, {"PhotometricInterpretation": "YBR_PARTIAL_422"},
        ),
        "photometric in small letters": Odd(
            NARROWED, elements=NARROW | {"PhotometricInterpretation": "monochrome2"}
        ),
        "inverse shape of MONOCHROME2": Odd(
            1 - NARROWED,
            elements=NARROW | {"PresentationLUTShape": "INVERSE"},
            note="PresentationLUTShape INVERSE contradicts",
        ),
        "identity shape of MONOCHROME1": Odd(
            NARROWED,
            elements=NARROW | {"PresentationLUTShape": "IDENTITY", "PhotometricInterpretation": "MONOCHROME1"},
            note="PresentationLUTShape IDENTITY contradicts",
        ),
        "shapes that agree": Odd(
            1 - NARROWED,
            elements=NARROW | {"PresentationLUTShape": "INVERSE", "PhotometricInterpretation": "MONOCHROME1"},
        ),
    }  # fmt: skip


def all_cases() -> dict[str, Odd]:
    """Every case by name."""
    return tables() | empties() | windows() | bits() | padding() | colours()

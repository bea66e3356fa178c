"""A film as the browser shows it: grey values before any window, and the windows to begin with."""

from __future__ import annotations

import io
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.config import DataConfig
from keras_cwp.data.radiographs import grey as dicom_grey
from keras_cwp.data.radiographs.attributes import Attributes
from keras_cwp.data.radiographs.dicom_file import is_dicom, parse
from keras_cwp.data.radiographs.dicom_header import check_kind, header_of
from keras_cwp.data.radiographs.layout import layout_of
from keras_cwp.data.radiographs.radiograph import Radiograph, decode, read_bytes
from keras_cwp.data.radiographs.words import words_of
from keras_cwp.errors import DataError

_WHITE = 65535  # of grey values with more than 8 bits
_CURVE = 1024  # points of a curve
_MOST_WINDOWS = 4  # of a DICOM file; machines write two or three
_TRIM = (0.005, 0.995)  # quantiles that the window "trimmed" goes from and to: what lies beyond is collimator and air
# Quantiles of a window for each half of a film: air and lungs are dark, heart, abdomen and bones are bright.
_LUNGS, _DENSE = (0.005, 0.6), (0.4, 0.995)
_SAMPLED = 1 << 18  # pixels that quantiles are taken of
_STRAIGHT = 0.01  # of all shades: a curve that is nearer to a line than this is one


@dataclass(frozen=True)
class Preset:
    """A window to show a film by.

    Args:
        name: for the reader.
        low, high: the grey values that become black and white; they may lie beyond the range of grey values.
        curve: shades 0 to 255 at evenly spaced grey values from 0 to white, where the window is no straight line; else
            empty.
    """

    name: str
    low: float
    high: float
    curve: tuple[int, ...] = ()

    def tree(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class FilmPixels:
    """A decoded film.

    Args:
        radiograph: as the model is given it; see `read_radiograph`.
        grey: uint8 or uint16 [height, width], bone bright, without a window.
        presets: at least one; the first is to begin with.
    """

    radiograph: Radiograph
    grey: np.ndarray
    presets: tuple[Preset, ...]

    @property
    def white(self) -> int:
        """The largest value that `grey` can have."""
        return int(np.iinfo(self.grey.dtype).max)

    @property
    def size_bytes(self) -> int:
        """Memory that the pixels take."""
        own = self.radiograph.pixels
        return int(self.grey.nbytes + (0 if own is self.grey else own.nbytes))


def decode_film(path: Path, rules: DataConfig) -> FilmPixels:
    """Read and decode a radiograph for the model and for the browser.

    Args:
        rules: how the model's DICOM grey values are made (`voi`, `window`).

    Raises:
        DataError: see `read_radiograph`.
    """
    content = read_bytes(path, rules.max_pixels)
    if is_dicom(content):
        return _of_dicom(content, path, rules)
    radiograph = decode(content, path, rules)
    full, trimmed, *halves = _plain_presets(radiograph.pixels)
    first = (full, trimmed) if radiograph.bits <= 8 else (trimmed, full)
    return FilmPixels(radiograph, radiograph.pixels, (*first, *halves))


def _of_dicom(content: bytes, path: Path, rules: DataConfig) -> FilmPixels:
    """The pixel data are decoded once; every window is a look-up of the same stored words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of values that break the standard; many scanners' do
        try:
            tags = Attributes(parse(io.BytesIO(content)))
            check_kind(tags, rules.lateral)
            layout = layout_of(tags, rules.max_pixels)
            if layout.samples != 1:
                return _of_colour(content, path, rules)
            header = header_of(tags, layout)
            words, _ = words_of(tags, layout)
            asked = rules.window if rules.voi == "apply" else None
            shown = dicom_grey.grey_of(tags, layout, words, asked)
            notes = tags.notes  # those of the model's window; what the other windows add is left out
            grey = _sixteen_bits(dicom_grey.grey_of(tags, layout, words, None))
            stated = [
                preset_of(name, grey, shown if number == asked else dicom_grey.grey_of(tags, layout, words, number))
                for number, name in enumerate(_window_names(tags))
            ]
        except DataError as error:
            raise DataError(f"image {path}: {error}") from None
        except Exception as error:  # pydicom and its decoders raise of every kind on broken files
            raise DataError(f"image {path}: this DICOM file cannot be understood: {error}") from None
    radiograph = Radiograph(shown, 1.0, header.bits, header.spacing_mm, header.metadata, notes)
    full, *others = _plain_presets(grey)
    own = stated[min(rules.window, len(stated) - 1) :][:1] if stated else []
    also = [preset for preset in stated if preset not in own]
    return FilmPixels(radiograph, grey, (*own, *also, *others, full))


def _of_colour(content: bytes, path: Path, rules: DataConfig) -> FilmPixels:
    radiograph = decode(content, path, rules)
    grey = _sixteen_bits(radiograph.pixels)
    return FilmPixels(radiograph, grey, _plain_presets(grey))


def _sixteen_bits(unit: np.ndarray) -> np.ndarray:
    scaled = unit * np.float32(_WHITE)
    return np.rint(scaled, out=scaled).astype(np.uint16)


def _window_names(tags: Attributes) -> list[str]:
    """A name for each window or VOI LUT that a file states, at most _MOST_WINDOWS."""
    tables = tags.items("VOILUTSequence")
    count = len(tables) or max(len(tags.numbers("WindowCenter")), len(tags.numbers("WindowWidth")))
    said = tags.text("WindowCenterWidthExplanation").split("\\") if not tables else []
    names = []
    for number in range(min(count, _MOST_WINDOWS)):
        own = said[number].strip().capitalize() if number < len(said) else ""
        names.append(own or ("Stated" if count == 1 else f"Stated {number + 1}"))
    return names


def _plain_presets(grey: np.ndarray) -> tuple[Preset, ...]:
    """From black to white, between the quantiles _TRIM, and one window for each half of the grey values."""
    white = float(np.iinfo(grey.dtype).max)
    step = max(1, round((grey.size / _SAMPLED) ** 0.5))
    few = grey[::step, ::step]
    found = [Preset("Full range", 0.0, white)]
    for name, ends in (("Trimmed", _TRIM), ("Lungs", _LUNGS), ("Heart and bones", _DENSE)):
        low, high = map(float, np.quantile(few, ends))
        found.append(Preset(name, low, high) if high > low else Preset(name, 0.0, white))
    return tuple(found)


def preset_of(name: str, grey: np.ndarray, shades: np.ndarray) -> Preset:
    """The window that made shades of grey values.

    Args:
        grey: uint16 [height, width].
        shades: float32 [height, width] in [0, 1]; the same for all pixels of a grey value.
    """
    seen = np.full(_WHITE + 1, np.nan)
    seen[grey[::2].ravel()] = shades[::2].ravel()
    known = np.flatnonzero(~np.isnan(seen))
    curve = np.interp(np.linspace(0, _WHITE, _CURVE), known, seen[known])
    inside = known[(seen[known] > 0) & (seen[known] < 1)]
    if len(inside) > 1:
        slope, start = np.polyfit(inside, seen[inside], 1)
        straight = np.clip(slope * known + start, 0, 1)
        if slope > 0 and np.abs(straight - seen[known]).max() < _STRAIGHT:
            return Preset(name, float(-start / slope), float((1 - start) / slope))
    points = np.linspace(0, _WHITE, _CURVE)
    middle = points[(curve > 0.02) & (curve < 0.98)]
    low, high = (float(middle.min()), float(middle.max())) if len(middle) > 1 else (0.0, float(_WHITE))
    return Preset(name, low, high, tuple(np.rint(curve * 255).astype(int).tolist()))


def shaded(pixels: FilmPixels, grey: np.ndarray) -> np.ndarray:
    """uint8: grey values of a film by its first window."""
    preset = pixels.presets[0]
    if preset.curve:
        points = np.linspace(0, pixels.white, len(preset.curve))
        return np.interp(grey, points, preset.curve).astype(np.uint8)
    shade = (grey.astype(np.float32) - preset.low) / max(preset.high - preset.low, 1e-6)
    return np.rint(shade.clip(0, 1) * 255).astype(np.uint8)

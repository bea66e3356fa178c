"""The model gets what `read_radiograph` gives; the browser gets grey values, and windows that give the same shades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless
from support.dicom_file import dicom
from support.reading import rough

from keras_cwp.config import DataConfig
from keras_cwp.data.radiographs.radiograph import read_radiograph
from keras_cwp.errors import DataError
from keras_cwp.reader.pixels import FilmPixels, decode_film, shaded

RULES = DataConfig()
TWELVE = rough(3, white=4095)


def voi_lut() -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 8]
    item.LUTData = [round(255 * (value / 4095) ** 2) for value in range(4096)]
    item["LUTData"].VR = "US"
    return Sequence([item])


WINDOW = {"WindowCenter": "2000", "WindowWidth": "1500"}
DICOMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "window": WINDOW,
    "wider than the values": {"WindowCenter": "2000", "WindowWidth": "9000"},
    "rescaled": WINDOW | {"RescaleSlope": "2", "RescaleIntercept": "-1000"},
    "inverted": WINDOW | {"PhotometricInterpretation": "MONOCHROME1"},
    "two windows": {"WindowCenter": ["2000", "1000"], "WindowWidth": ["1500", "800"]},
    "sigmoid": WINDOW | {"VOILUTFunction": "SIGMOID"},
    "compressed": WINDOW | {"syntax": JPEG2000Lossless},
    "look-up table": {"VOILUTSequence": voi_lut()},
}


def by_preset(pixels: FilmPixels, number: int) -> np.ndarray:
    """Shades 0 to 1 as the browser makes them."""
    preset = pixels.presets[number]
    if preset.curve:
        return np.interp(pixels.grey, np.linspace(0, pixels.white, len(preset.curve)), preset.curve) / 255
    return ((pixels.grey - preset.low) / (preset.high - preset.low)).clip(0, 1)


@pytest.mark.parametrize("elements", DICOMS.values(), ids=DICOMS)
def test_dicom_is_what_the_model_reads_and_the_first_window_shows_it(tmp_path: Path, elements: dict[str, Any]) -> None:
    path = dicom(tmp_path / "a.dcm", TWELVE, **elements)
    found, expected = decode_film(path, RULES), read_radiograph(path, RULES)
    assert (found.radiograph.pixels == expected.pixels).all()
    assert (found.radiograph.white, found.radiograph.bits) == (expected.white, 12)
    assert found.radiograph.spacing_mm == expected.spacing_mm
    assert found.grey.dtype == np.uint16
    if elements:
        assert np.abs(by_preset(found, 0) - expected.pixels).max() < 0.02
        assert np.abs(shaded(found, found.grey) / 255 - expected.pixels).max() < 0.03


def test_a_window_that_clips_hides_nothing_from_the_browser(tmp_path: Path) -> None:
    narrow = dicom(tmp_path / "a.dcm", TWELVE, WindowCenter="2000", WindowWidth="100")
    found = decode_film(narrow, RULES)
    assert len(np.unique(found.radiograph.pixels)) < 200
    assert len(np.unique(found.grey)) == len(np.unique(TWELVE))


def test_each_stated_window_is_a_preset_and_the_models_own_comes_first(tmp_path: Path) -> None:
    elements = DICOMS["two windows"] | {"WindowCenterWidthExplanation": ["BONE", "LUNG"]}
    path = dicom(tmp_path / "a.dcm", TWELVE, **elements)
    plain = ["Trimmed", "Lungs", "Heart and bones", "Full range"]
    assert [preset.name for preset in decode_film(path, RULES).presets] == ["Bone", "Lung", *plain]
    second = DataConfig(window=1)
    found = decode_film(path, second)
    assert [preset.name for preset in found.presets][:2] == ["Lung", "Bone"]
    assert np.abs(by_preset(found, 0) - read_radiograph(path, second).pixels).max() < 0.02


def test_a_model_that_ignores_windows_is_given_none(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", TWELVE, **WINDOW)
    ignoring = DataConfig(voi="ignore")
    found, expected = decode_film(path, ignoring).radiograph, read_radiograph(path, ignoring)
    assert (found.pixels == expected.pixels).all()
    broken = dicom(tmp_path / "b.dcm", TWELVE, WindowCenter="2000", WindowWidth="-5")
    assert decode_film(broken, ignoring).radiograph.notes == read_radiograph(broken, ignoring).notes == ()
    assert decode_film(broken, RULES).radiograph.notes == read_radiograph(broken, RULES).notes != ()


@pytest.mark.parametrize("white", [255, 65535])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_pictures_keep_their_depth(tmp_path: Path, white: int, suffix: str) -> None:
    pixels = rough(1, white=white)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), pixels)
    found = decode_film(tmp_path / f"a.{suffix}", RULES)
    assert found.grey.dtype == pixels.dtype
    assert (found.grey == pixels).all()
    assert found.white == white
    assert found.size_bytes == pixels.nbytes


def test_colour_is_shown_as_grey(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", np.dstack([rough(1)] * 3), bits=8)
    found = decode_film(path, RULES)
    assert np.abs(found.grey / 65535 - read_radiograph(path, RULES).pixels).max() < 1e-4


@pytest.mark.parametrize("elements", [{"ViewPosition": "LL"}, {"NumberOfFrames": 3}, {"BitsStored": 3}])
def test_what_is_no_frontal_film_is_refused_with_its_file(tmp_path: Path, elements: dict[str, Any]) -> None:
    path = dicom(tmp_path / "a.dcm", TWELVE, **elements)
    with pytest.raises(DataError, match=r"image .*a\.dcm: ") as refused:
        decode_film(path, RULES)
    with pytest.raises(DataError) as expected:
        read_radiograph(path, RULES)
    assert str(refused.value) == str(expected.value)


def test_a_blank_film_has_windows_of_some_width(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((20, 20), 7, np.uint8))
    assert all(preset.high > preset.low for preset in decode_film(tmp_path / "a.png", RULES).presets)


def test_halves_of_a_film_have_a_window_each(tmp_path: Path) -> None:
    grey = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    by_name = {preset.name: preset for preset in decode_film(tmp_path / "a.png", RULES).presets}
    assert (by_name["Lungs"].low, by_name["Lungs"].high) == pytest.approx((50, 6000), abs=1)
    assert (by_name["Heart and bones"].low, by_name["Heart and bones"].high) == pytest.approx((4000, 9949), abs=1)


def test_real_films(shared: Path) -> None:
    for path in [*sorted((shared / "data/dicom").iterdir()), shared / "data/cwp_sim/images/00001516_000.jpg"]:
        found, expected = decode_film(path, RULES), read_radiograph(path, RULES)
        assert (found.radiograph.pixels == expected.pixels).all()
        assert found.grey.shape == expected.pixels.shape

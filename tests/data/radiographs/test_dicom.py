"""DICOM: every step from stored value to shade by hand, second implementations, refusals, and pydicom's own files."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.multival import MultiValue
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless
from support.dicom_file import dicom

from keras_cwp.config import DataConfig
from keras_cwp.data.radiographs.radiograph import read_header, read_radiograph
from keras_cwp.data.radiographs.windows import window_values
from keras_cwp.errors import DataError

RAMP = np.arange(0, 4096, 273, dtype=np.uint16).reshape(4, 4)  # 0, 273, …, 4095
SMALL = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def own_files() -> list[Path]:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return sorted(folder.glob("*.dcm")) + sorted(file for file in folder.glob("dicomdirtests/*/*/*") if file.is_file())


def shades(path: Path, **rules) -> np.ndarray:
    return read_radiograph(path, DataConfig(**rules)).to_unit()


def test_without_window_from_least_to_greatest(tmp_path):
    got = shades(dicom(tmp_path / "a.dcm", RAMP + np.uint16(0)))
    np.testing.assert_allclose(got, RAMP / 4095, atol=1e-6)


def test_eight_bits(tmp_path):
    np.testing.assert_allclose(shades(dicom(tmp_path / "a.dcm", SMALL, bits=8)), SMALL / 220, atol=1e-6)


def test_monochrome1_is_inverted(tmp_path):
    got = shades(dicom(tmp_path / "a.dcm", RAMP, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(got, 1 - RAMP / 4095, atol=1e-6)


def test_signed_values(tmp_path):
    signed = RAMP.astype(np.int16) - 2048
    got = shades(dicom(tmp_path / "a.dcm", signed, WindowCenter="0", WindowWidth="2001"))
    np.testing.assert_allclose(got, np.clip((signed + 0.5) / 2000 + 0.5, 0, 1), atol=1e-6)


def test_rescale_comes_before_the_window(tmp_path):
    path = dicom(
        tmp_path / "a.dcm", RAMP, RescaleSlope="2", RescaleIntercept="-100", WindowCenter="3000", WindowWidth="4001"
    )
    values = RAMP * 2.0 - 100
    np.testing.assert_allclose(shades(path), np.clip((values - 2999.5) / 4000 + 0.5, 0, 1), atol=1e-6)


def test_linear_window_by_hand():
    """PS3.3 C.11.2.1.2.1: c = 2048, w = 4096 maps 0 → 0 and 4095 → 1; below c - .5 - (w - 1)/2 is 0."""
    np.testing.assert_allclose(window_values(np.array([-5, 0, 2047.5, 4095, 5000]), 2048, 4096), [0, 0, 0.5, 1, 1])


def test_window_of_width_one_is_a_threshold():
    np.testing.assert_array_equal(window_values(np.array([99.0, 99.5, 100.0]), 100, 1), [0, 0, 1])


def test_linear_exact_and_sigmoid_by_hand():
    np.testing.assert_allclose(window_values(np.array([0, 1, 2, 3]), 1, 2, "LINEAR_EXACT"), [0, 0.5, 1, 1])
    expected = [1 / (1 + np.exp(4)), 0.5, 1 / (1 + np.exp(-4))]
    np.testing.assert_allclose(window_values(np.array([0, 100, 200]), 100, 100, "SIGMOID"), expected)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_windows_agree_with_pydicom(function, photometric, tmp_path):
    from pydicom.pixels import apply_windowing

    path = dicom(
        tmp_path / "a.dcm",
        RAMP,
        WindowCenter="1500",
        WindowWidth="2000",
        VOILUTFunction=function,
        PhotometricInterpretation=photometric,
    )
    dataset = pydicom.dcmread(path)
    theirs = apply_windowing(dataset.pixel_array, dataset) / 4095
    np.testing.assert_allclose(shades(path), 1 - theirs if photometric == "MONOCHROME1" else theirs, atol=1e-6)


def test_several_windows(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, WindowCenter=["2048", "1000"], WindowWidth=["4096", "500"])
    first, second, beyond = (shades(path, window=number) for number in (0, 1, 7))
    np.testing.assert_allclose(first, RAMP / 4095, atol=1e-6)
    np.testing.assert_allclose(second, np.clip((RAMP - 999.5) / 499 + 0.5, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(second, beyond)


def table_item(first: int, data: list[int], bits: int) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(data), first, bits]
    item.LUTData = data
    item["LUTDescriptor"].VR = "US"
    item["LUTData"].VR = "US"
    return item


def test_voi_table_comes_before_windows(tmp_path):
    table = table_item(100, [0, 10, 200, 255], 8)
    pixels = np.array([[0, 100, 101], [102, 103, 4000]], dtype=np.uint16)
    path = dicom(tmp_path / "a.dcm", pixels, VOILUTSequence=[table], WindowCenter="5", WindowWidth="5")
    np.testing.assert_allclose(shades(path), np.array([[0, 0, 10], [200, 255, 255]]) / 255, atol=1e-6)


def test_modality_table(tmp_path):
    table = table_item(0, [7, 5, 3, 1], 16)
    table.ModalityLUTType = "US"
    pixels = np.array([[0, 1], [2, 9]], dtype=np.uint16)
    path = dicom(
        tmp_path / "a.dcm",
        pixels,
        ModalityLUTSequence=[table],
        WindowCenter="4",
        WindowWidth="8",
        VOILUTFunction="LINEAR_EXACT",
    )
    np.testing.assert_allclose(shades(path), np.array([[7, 5], [3, 1]]) / 8, atol=1e-6)


def test_image_for_presentation_is_windowed_once_or_on_request_not_at_all(tmp_path):
    path = dicom(
        tmp_path / "a.dcm", RAMP, PresentationIntentType="FOR PRESENTATION", WindowCenter="1500", WindowWidth="2000"
    )
    np.testing.assert_allclose(shades(path), np.clip((RAMP - 1499.5) / 1999 + 0.5, 0, 1), atol=1e-6)
    np.testing.assert_allclose(shades(path, voi="ignore"), RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_set_the_scale(photometric, tmp_path):
    pixels = np.array([[1000, 2000], [3000, 65535]], dtype=np.uint16)
    path = dicom(tmp_path / "a.dcm", pixels, bits=16, PixelPaddingValue=65535, PhotometricInterpretation=photometric)
    expected = [[0, 0.5], [1, 0]] if photometric == "MONOCHROME2" else [[1, 0.5], [0, 0]]
    np.testing.assert_allclose(shades(path), expected, atol=1e-6)


def test_padding_range(tmp_path):
    pixels = np.array([[10, 20], [30, 40]], dtype=np.uint16)
    path = dicom(tmp_path / "a.dcm", pixels, PixelPaddingValue=0, PixelPaddingRangeLimit=20)
    np.testing.assert_allclose(shades(path), [[0, 0], [0, 1]], atol=1e-6)


def test_flat_image(tmp_path):
    assert (shades(dicom(tmp_path / "a.dcm", np.full((3, 3), 77, np.uint16))) == 0).all()


def test_colour_becomes_luma(tmp_path):
    colour = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    np.testing.assert_allclose(shades(dicom(tmp_path / "a.dcm", colour, bits=8)), [[0.299, 0.587, 0.114]], atol=1e-6)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_transfer_syntaxes(syntax, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 4096, (32, 40), dtype=np.uint16)
    plain = shades(dicom(tmp_path / "plain.dcm", pixels))
    np.testing.assert_array_equal(shades(dicom(tmp_path / "a.dcm", pixels, syntax=syntax)), plain)


def test_header(tmp_path):
    path = dicom(
        tmp_path / "a.dcm",
        RAMP[:2],
        PatientID=" P77 ",
        Manufacturer="Maker",
        Modality="DX",
        ViewPosition="PA",
        ImagerPixelSpacing=["0.2", "0.2"],
        EstimatedRadiographicMagnificationFactor="1.25",
    )
    header = read_header(path)
    assert (header.width, header.height, header.bits, header.patient_id) == (4, 2, 12, "P77")
    assert header.spacing_mm == pytest.approx(0.16)
    assert header.metadata == {
        "file_type": "dicom",
        "manufacturer": "Maker",
        "modality": "DX",
        "view": "PA",
        "photometric": "MONOCHROME2",
    }


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({}, None),
        ({"PixelSpacing": ["0.15", "0.15"], "ImagerPixelSpacing": ["0.2", "0.2"]}, 0.15),
        ({"PixelSpacing": ["0.1", "0.102"]}, 0.100995),
        ({"PixelSpacing": ["0", "0"]}, None),
        ({"ImagerPixelSpacing": ["0.2", "0.2"], "EstimatedRadiographicMagnificationFactor": "0"}, 0.2),
    ],
)
def test_spacing(elements, expected, tmp_path):
    found = read_header(dicom(tmp_path / "a.dcm", RAMP, **elements)).spacing_mm
    assert found == (expected and pytest.approx(expected, abs=1e-6))


REFUSED = {
    "frames": ({"NumberOfFrames": 2}, "2 frames; a radiograph has one"),
    "lateral": ({"ViewPosition": "LL"}, r"a lateral view \(ViewPosition LL\)"),
    "palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "PhotometricInterpretation 'PALETTE COLOR'"),
    "few bits": ({"BitsStored": 1}, "1 bits stored in 16"),
    "no size": ({"Rows": 0}, "4 × 0 pixels"),
    "fewer pixels": ({"Rows": 40}, "cannot decode transfer syntax Explicit VR Little Endian: .*less than expected"),
}


@pytest.mark.parametrize(("elements", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(elements, message, tmp_path):
    with pytest.raises(DataError, match=rf"image .*a\.dcm: {message}"):
        read_radiograph(dicom(tmp_path / "a.dcm", RAMP, **elements))


SPACINGS = {
    "decimal comma": ({"PixelSpacing": "0,143\\0,143"}, None, "PixelSpacing '0,143"),
    "comma between": ({"PixelSpacing": "0.143,0.143"}, None, "PixelSpacing '0.143,0.143'"),
    "one value": ({"PixelSpacing": "0.143"}, None, "PixelSpacing '0.143'"),
    "half": ({"ImagerPixelSpacing": "0.143\\"}, None, "ImagerPixelSpacing"),
    "three values": ({"PixelSpacing": "0.1\\0.1\\0.1"}, None, "PixelSpacing"),
    "not a number": ({"PixelSpacing": "NaN\\NaN"}, None, "PixelSpacing"),
    "zero": ({"PixelSpacing": "0\\0"}, None, "PixelSpacing"),
    "micrometres": ({"PixelSpacing": "143\\143"}, None, "PixelSpacing"),
    "the next counts": ({"PixelSpacing": "x", "ImagerPixelSpacing": "0.2\\0.2"}, 0.2, "PixelSpacing 'x'"),
    "scanned film": ({"NominalScannedPixelSpacing": "0.175\\0.175"}, 0.175, ""),
    "2 % from square": ({"PixelSpacing": "0.1\\0.102"}, 0.100995, "2% from square"),
    "no magnification": (
        {"ImagerPixelSpacing": "0.2\\0.2", "EstimatedRadiographicMagnificationFactor": "n/a"}, 0.2, "Magnification",
    ),
    "negative magnification": (
        {"ImagerPixelSpacing": "0.2\\0.2", "EstimatedRadiographicMagnificationFactor": "-1"}, 0.2, "not above 0",
    ),
    "square by ratio": ({"PixelAspectRatio": "1\\1"}, None, ""),
    "odd ratio": ({"PixelAspectRatio": "1\\0"}, None, "PixelAspectRatio '1\\\\0' is not"),
    "ratio of a known spacing": ({"PixelAspectRatio": "2\\1", "PixelSpacing": "0.1\\0.1"}, 0.1, ""),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("texts", "expected", "note"), SPACINGS.values(), ids=SPACINGS)
def test_odd_spacing(texts, expected, note, tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, texts=texts)
    header = read_header(path)
    assert header.spacing_mm == (expected and pytest.approx(expected, abs=1e-6))
    assert bool(header.notes) == bool(note)
    assert re.search(note, "\n".join(header.notes))
    np.testing.assert_array_equal(shades(path), (RAMP / 4095).astype(np.float32))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("texts", [{"PixelSpacing": "0.1\\0.2"}, {"PixelAspectRatio": "3\\2"}])
def test_pixels_that_are_not_square_are_refused(texts, tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, texts=texts)
    for read in (read_header, read_radiograph):
        with pytest.raises(DataError, match=r"a\.dcm: pixels that are not square \(Pixel\w+ .* resample"):
            read(path)


def test_burned_in_text_is_metadata_and_noted(tmp_path):
    header = read_header(dicom(tmp_path / "a.dcm", RAMP, BurnedInAnnotation="YES"))
    assert header.metadata["burned_in_annotation"] == "YES"
    assert "text is part of the picture" in header.notes[0]
    clean = read_header(dicom(tmp_path / "b.dcm", RAMP, BurnedInAnnotation="NO"))
    assert clean.metadata["burned_in_annotation"] == "NO"
    assert not clean.notes


def test_two_frames_without_their_number(tmp_path):
    frame = np.kron(RAMP, np.ones((8, 8), np.uint16))
    path = dicom(tmp_path / "a.dcm", np.concatenate([frame, frame]), Rows=32)
    with pytest.raises(DataError, match=r"a\.dcm: the pixel data hold 2 frames; a radiograph has one"):
        read_radiograph(path)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("has_bot", [True, False])
def test_two_compressed_frames_without_their_number(syntax, has_bot, tmp_path):
    dataset = pydicom.dcmread(dicom(tmp_path / "a.dcm", np.kron(RAMP, np.ones((8, 8), np.uint16)), syntax=syntax))
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame, frame], has_bot=has_bot)
    dataset.save_as(tmp_path / "b.dcm")
    with pytest.raises(DataError, match="the pixel data hold 2 frames"):
        read_radiograph(tmp_path / "b.dcm")


@pytest.mark.parametrize("has_bot", [True, False])
def test_one_frame_in_several_fragments(has_bot, tmp_path):
    path = dicom(tmp_path / "a.dcm", np.kron(RAMP, np.ones((8, 8), np.uint16)), syntax=JPEG2000Lossless)
    dataset = pydicom.dcmread(path)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame], fragments_per_frame=3, has_bot=has_bot)
    dataset.save_as(tmp_path / "b.dcm")
    np.testing.assert_array_equal(shades(tmp_path / "b.dcm"), shades(path))


def test_more_bytes_than_pixels_are_noted(tmp_path):
    path = dicom(tmp_path / "a.dcm", np.concatenate([RAMP, RAMP[:2]]), Rows=4)
    radiograph = read_radiograph(path)
    np.testing.assert_array_equal(radiograph.to_unit(), (RAMP / 4095).astype(np.float32))
    assert radiograph.notes == ("the pixel data are 16 bytes longer than 4 × 4 pixels",)


def test_a_short_table_is_refused(tmp_path):
    table = table_item(0, [0, 1, 2, 3], 8)
    table.LUTDescriptor = [4096, 0, 8]
    path = dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[table])
    with pytest.raises(DataError, match=r"a\.dcm: VOILUTSequence: 4 entries, its descriptor states 4096"):
        read_radiograph(path)


def test_a_table_without_entries_counts_as_absent(tmp_path):
    table = table_item(0, [0, 1, 2, 3], 8)
    del table.LUTData
    radiograph = read_radiograph(dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[table]))
    np.testing.assert_array_equal(radiograph.to_unit(), (RAMP / 4095).astype(np.float32))
    assert "counts as absent" in radiograph.notes[0]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("path", [path for path in own_files() if path.name[0] not in "D"], ids=lambda path: path.name)
def test_windows_agree_with_pydicom_on_its_files(path):
    """On modality values over the whole range, for the first window of each file that has one."""
    from pydicom.pixels import apply_windowing

    dataset = pydicom.dcmread(path, force=True)
    window = [dataset.get(name) for name in ("WindowCenter", "WindowWidth")]
    if not all(window) or "PixelData" not in dataset or "BitsStored" not in dataset:
        assert not any(window) or "PixelData" not in dataset
        return
    center, width = (float(value[0] if isinstance(value, MultiValue) else value) for value in window)
    values = np.linspace(center - width, center + width, 1001)
    theirs = apply_windowing(values, dataset)
    ours = window_values(values, center, width, dataset.get("VOILUTFunction") or "LINEAR")
    low, high = theirs.min(), theirs.max()
    np.testing.assert_allclose(ours, (theirs - low) / (high - low), atol=1e-9)


def test_sigmoid_is_exact():
    """Against the exponential of the standard library."""
    values = np.linspace(-6000, 9000, 4001)
    expected = [1 / (1 + math.exp(min(700, -4 * (value - 1000) / 900))) for value in values]
    np.testing.assert_allclose(window_values(values, 1000, 900, "SIGMOID"), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("center", "width", "function", "message"),
    [
        (5, 0, "LINEAR", "window width 0 is too small for the function LINEAR"),
        (5, -3, "SIGMOID", "window width -3 is too small for the function SIGMOID"),
        (5, 9, "CUBIC", "window function 'CUBIC'"),
        (math.nan, 9, "LINEAR", "or not finite"),
        (5, math.inf, "LINEAR", "or not finite"),
    ],
)
def test_windows_that_cannot_be_applied(center, width, function, message):
    with pytest.raises(DataError, match=message):
        window_values(np.array([1.0]), center, width, function)


def test_lateral_view_on_request(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, ViewPosition="LATERAL")
    assert read_radiograph(path, DataConfig(lateral=True)).metadata["view"] == "LATERAL"


def test_no_pixel_data(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP)
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    with pytest.raises(DataError, match=r"a\.dcm: no pixel data in it"):
        read_header(path)


def test_lossy_jpeg_is_decoded_by_the_same_plugin_everywhere(monkeypatch):
    """Whatever other plugins a machine has: their shades differ by a unit or two."""
    path = own_files()[[file.name for file in own_files()].index("SC_rgb_dcmtk_+eb+cr.dcm")]
    expected = shades(path)
    from pydicom.pixels.decoders import JPEGBaseline8BitDecoder

    only = {"pylibjpeg": JPEGBaseline8BitDecoder._available["pylibjpeg"]}
    monkeypatch.setattr(JPEGBaseline8BitDecoder, "_available", only)
    np.testing.assert_array_equal(shades(path), expected)


def test_missing_decoder_is_named(tmp_path, monkeypatch):
    path = dicom(tmp_path / "a.dcm", np.zeros((64, 64), np.uint16), syntax=JPEG2000Lossless)
    from pydicom.pixels.decoders import JPEG2000LosslessDecoder

    monkeypatch.setattr(JPEG2000LosslessDecoder, "_available", {})
    with pytest.raises(
        DataError, match=r"cannot decode transfer syntax JPEG 2000 Image Compression .*missing dependencies: "
    ):
        read_radiograph(path)


def test_too_many_pixels_are_noticed_before_decoding(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, Rows=60000, Columns=60000)
    with pytest.raises(DataError, match="60000 × 60000 pixels"):
        read_radiograph(path)


def test_bits_above_those_stored_do_not_count(tmp_path):
    """Overlay bits in the high bits of a 12-bit image."""
    path = dicom(tmp_path / "a.dcm", RAMP | np.uint16(0x8000), WindowCenter="2048", WindowWidth="4096")
    np.testing.assert_allclose(shades(path), RAMP / 4095, atol=1e-6)


def test_twins_on_real_pixels(shared, tmp_path):
    """The radiograph, a true MONOCHROME1 twin made of it (pixels inverted, tag changed), and the shared one.

    The shared twin holds the very same compressed pixels as the original under the other tag, so a reader that heeds
    the tag shows it as the negative.
    """
    folder = shared / "data" / "dicom"
    original = shades(folder / "rsna_chest.dcm")
    assert original.shape == (1024, 1024)
    assert read_header(folder / "rsna_chest.dcm").spacing_mm == pytest.approx(0.168)
    inverted = np.rint(255 - 255 * original).astype(np.uint8)
    twin = dicom(tmp_path / "twin.dcm", inverted, bits=8, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_allclose(shades(twin), original, atol=0.5 / 255)
    relabelled = pydicom.dcmread(folder / "rsna_chest_monochrome1.dcm")
    assert relabelled.PixelData == pydicom.dcmread(folder / "rsna_chest.dcm").PixelData
    np.testing.assert_allclose(shades(folder / "rsna_chest_monochrome1.dcm"), 1 - original, atol=1e-6)


def test_grey_of_a_colour_does_not_depend_on_its_place(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (7, 3), dtype=np.uint8)
    index = np.random.default_rng(1).integers(0, len(colours), (97, 231))
    found = shades(dicom(tmp_path / "a.dcm", colours[index], bits=8))
    for number in range(len(colours)):
        assert len(np.unique(found[index == number])) == 1


def test_grey_of_equal_channels_is_exact(tmp_path):
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    found = shades(dicom(tmp_path / "a.dcm", ramp, bits=8))
    np.testing.assert_array_equal(found[0], np.arange(256, dtype=np.float32) / 255)


@pytest.mark.parametrize("name", ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"])
def test_every_lossless_encoding_gives_the_same_picture(name):
    by_name = {path.name: path for path in own_files()}
    np.testing.assert_array_equal(shades(by_name[f"MR_small_{name}.dcm"]), shades(by_name["MR_small.dcm"]))


def test_jpeg_lossless_and_baseline_give_the_uncompressed_picture():
    """Process 14, selection value 1, is exact; baseline differs by its loss."""
    by_name = {path.name: shades(path) for path in own_files() if path.name.startswith("SC_rgb_jpeg_")}
    plain = shades(next(path for path in own_files() if path.name == "SC_rgb_rle.dcm"))
    np.testing.assert_array_equal(by_name["SC_rgb_jpeg_gdcm.dcm"], plain)
    np.testing.assert_allclose(by_name["SC_rgb_jpeg_dcmtk.dcm"], plain, atol=2 / 255)


# Those of pydicom's files that hold one grey or colour frame of 8 to 16 bits, and yet cannot be read: why.
UNREADABLE = {
    "no_meta.dcm": "no DICOM file",  # a blank stands before its first element
    "6154": "a lateral view \\(ViewPosition LL\\)",
    "JPEG-lossy.dcm": "cannot decode transfer syntax JPEG Extended",
    "JPEG2000-embedded-sequence-delimiter.dcm": "cannot decode transfer syntax JPEG 2000",
    "MR_truncated.dcm": "less than expected",
    "badVR.dcm": "32 bits stored in 32",
    "6293": "pixels that are not square",
    "6924": "pixels that are not square",
    "examples_palette.dcm": "PhotometricInterpretation 'PALETTE COLOR'",
}
OF_OTHER_KINDS = "no pixel data|frames; a radiograph has one|bits stored in|header cannot be used"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("path", own_files(), ids=lambda path: path.name)
def test_pydicoms_own_files_read_or_are_refused_with_a_reason(path):
    reason = UNREADABLE.get(path.name)
    dataset = pydicom.dcmread(path, force=True)
    if (
        reason
        or "PixelData" not in dataset
        or int(dataset.get("NumberOfFrames", 1) or 1) > 1
        or not (8 <= dataset.get("BitsStored", 0) <= 16)
    ):
        with pytest.raises(DataError, match=rf"{re.escape(path.name)}: .*({reason or OF_OTHER_KINDS})"):
            read_radiograph(path)
        return
    picture = read_radiograph(path).to_unit()
    assert picture.shape == (dataset.Rows, dataset.Columns)
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1

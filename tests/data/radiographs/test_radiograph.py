"""Radiographs of every file type: pixels by hand, and the message for each that cannot be read."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image
from support.dicom_file import dicom

from keras_cwp.config import DataConfig
from keras_cwp.data.radiographs.radiograph import read_header, read_radiograph
from keras_cwp.errors import DataError

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tiff"])
def test_eight_bits(name, tmp_path):
    radiograph = read_radiograph(save(tmp_path / name, RAMP))
    np.testing.assert_array_equal(radiograph.pixels, RAMP)
    np.testing.assert_allclose(radiograph.to_unit(), RAMP / 255, rtol=1e-6)
    assert (radiograph.bits, radiograph.spacing_mm) == (8, None)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits(name, tmp_path):
    pixels = RAMP.astype(np.uint16) * 257
    path = save(tmp_path / name, pixels)
    radiograph = read_radiograph(path)
    np.testing.assert_array_equal(radiograph.pixels, pixels)
    assert radiograph.to_unit().max() == pytest.approx(220 / 255)
    assert read_header(path).bits == radiograph.bits == 16


@pytest.mark.parametrize(
    ("bits", "said"), [(8, "8-bit .*1/256"), (10, "10-bit .*1/64"), (12, "12-bit .*1/16"), (14, "14-bit .*1/4 ")]
)
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_values_of_fewer_bits_are_noted(bits, said, name, tmp_path):
    pixels = np.linspace(0, 2**bits - 1, 12).astype(np.uint16).reshape(3, 4)
    radiograph = read_radiograph(save(tmp_path / name, pixels))
    np.testing.assert_array_equal(radiograph.pixels, pixels)
    assert len(radiograph.notes) == 1
    assert re.search(f"{said}.*of the range", radiograph.notes[0])


def test_negative_of_fewer_bits_is_noted(tmp_path):
    pixels = np.array([[0, 4095]], dtype=np.uint16)
    radiograph = read_radiograph(save(tmp_path / "a.tif", pixels, tiffinfo={262: 0}))
    np.testing.assert_array_equal(radiograph.pixels, 65535 - pixels)
    assert "12-bit ones" in radiograph.notes[0]


@pytest.mark.parametrize(("dpi", "noted"), [((204, 98), True), ((300, 300), False), ((300, 298), False)])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_resolutions_that_differ_are_noted(dpi, noted, name, tmp_path):
    path = save(tmp_path / name, RAMP, dpi=dpi)
    for notes in (read_header(path).notes, read_radiograph(path).notes):
        assert any("not square" in note for note in notes) == noted


def test_black_and_bright_sixteen_bits_have_no_note(tmp_path):
    for greatest in (0, 2**14, 65535):
        pixels = np.array([[0, greatest]], dtype=np.uint16)
        assert not read_radiograph(save(tmp_path / "a.png", pixels)).notes


def tiff_of_12_bits(path, pixels, white_is_zero=False):
    """Twelve bits a pixel, two pixels in three bytes, as scanners write them; Pillow cannot."""
    first, second = pixels.ravel()[0::2].astype(int), pixels.ravel()[1::2].astype(int)
    data = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype(np.uint8).tobytes()
    height, width = pixels.shape
    tags = [(256, width), (257, height), (258, 12), (259, 1), (262, 0 if white_is_zero else 1), (273, 8), (277, 1),
            (278, height), (279, len(data))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = 8 + len(data)
    head = struct.pack("<2sHI", b"II", 42, start)
    path.write_bytes(head + data + struct.pack("<H", len(tags)) + entries + bytes(4))
    return path


def test_tiff_of_twelve_bits_is_as_bright_as_it_says(tmp_path):
    pixels = np.arange(0, 4096, 273, dtype=np.uint16).reshape(4, 4)
    path = tiff_of_12_bits(tmp_path / "a.tif", pixels)
    radiograph = read_radiograph(path)
    np.testing.assert_allclose(radiograph.to_unit(), pixels / 4095, atol=1e-5)
    assert (radiograph.bits, read_header(path).bits, radiograph.notes) == (12, 12, ())
    with pytest.raises(DataError, match=r"b\.tif: a damaged TIFF, or one of a kind that is not read; save it again"):
        read_radiograph(tiff_of_12_bits(tmp_path / "b.tif", pixels, white_is_zero=True))


@pytest.mark.parametrize("keep", [{}, {"keep_rgb": True}])
def test_grey_of_a_colour_jpeg(keep, tmp_path):
    """Stored as luma and colours, or as red, green and blue."""
    grey = np.tile(np.linspace(20, 230, 64, dtype=np.uint8), (64, 1))
    path = save(tmp_path / "a.jpg", np.stack([grey] * 3, axis=-1), quality=95, **keep)
    assert np.abs(read_radiograph(path).pixels.astype(int) - grey).max() <= 2


def test_cmyk_jpeg(shared):
    """As OpenCV shows it: the four inks to luma."""
    path = shared / "cases" / "serving_14_cmyk_status" / "cmyk.jpg"
    np.testing.assert_array_equal(read_radiograph(path).pixels, cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def test_sixteen_bit_tiff_with_white_as_zero(tmp_path):
    pixels = RAMP.astype(np.uint16) * 257
    path = save(tmp_path / "a.tif", 65535 - pixels, tiffinfo={262: 0})
    np.testing.assert_array_equal(read_radiograph(path).pixels, pixels)


def test_content_decides_not_the_suffix(tmp_path):
    path = tmp_path / "a.jpg"
    save(tmp_path / "a.png", RAMP).rename(path)
    assert read_radiograph(path).metadata["file_type"] == "png"


def test_jpeg(tmp_path):
    pixels = np.tile(np.linspace(20, 230, 64, dtype=np.uint8), (64, 1))
    radiograph = read_radiograph(save(tmp_path / "a.jpeg", pixels, quality=95))
    assert np.abs(radiograph.pixels.astype(int) - pixels).max() <= 2


def test_colour_becomes_luma(tmp_path):
    colour = np.zeros((2, 3, 3), np.uint8)
    colour[:, 0], colour[:, 1], colour[:, 2] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    pixels = read_radiograph(save(tmp_path / "a.png", colour)).pixels
    np.testing.assert_array_equal(pixels, [[76, 150, 29]] * 2)  # 0.299, 0.587, 0.114 of 255


@pytest.mark.parametrize("mode", ["RGBA", "P", "1", "LA", "CMYK"])
def test_other_modes_are_read(mode, tmp_path):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(np.full((5, 4), 255, np.uint8)).convert("RGB" if mode == "CMYK" else "L").convert(mode).save(path)
    np.testing.assert_array_equal(read_radiograph(path).pixels, np.full((5, 4), 255))


# EXIF orientation → how the stored array must be turned to stand upright (TIFF 6.0, tag 274).
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.transpose(a), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", RAMP, exif=exif)
    upright = UPRIGHT[orientation](RAMP)
    np.testing.assert_array_equal(read_radiograph(path).pixels, upright)
    header = read_header(path)
    assert (header.height, header.width) == upright.shape


def test_exif_behind_the_pixels_of_a_png(tmp_path):
    """Where PNG allows it and Pillow's header does not look."""
    exif = Image.Exif()
    exif[0x0112] = 6
    content = save(tmp_path / "a.png", RAMP, exif=exif).read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    (tmp_path / "b.png").write_bytes(content[:start] + content[end:-12] + content[start:end] + content[-12:])
    for name in "ab":
        header = read_header(tmp_path / f"{name}.png")
        assert (header.width, header.height) == (3, 4)
        np.testing.assert_array_equal(read_radiograph(tmp_path / f"{name}.png").pixels, np.rot90(RAMP, -1))


@pytest.mark.parametrize("name", ["a.png", "a.dcm"])
def test_a_header_is_read_without_the_pixels(name, tmp_path, monkeypatch):
    """Neither Pillow's decoder nor the pixel data of a DICOM file is asked for."""
    pixels = np.random.default_rng(0).integers(0, 4096, (400, 300), dtype=np.uint16)
    path = dicom(tmp_path / name, pixels) if name == "a.dcm" else save(tmp_path / name, pixels)
    content = path.read_bytes()
    path.write_bytes(content[:2000] + bytes(len(content) - 2012) + content[-12:])
    if name == "a.png":
        monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    header = read_header(path)
    assert (header.width, header.height) == (300, 400)


BIG = """
import resource, sys
from keras_cwp.data.crops import crop_roi
from keras_cwp.data.radiographs.radiograph import read_header, read_radiograph
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def read(path):
    header = read_header(path)
    picture = read_radiograph(path)
    assert picture.pixels.shape == (header.height, header.width)
    crop_roi(picture.pixels, None, 224, 0, "pad")
for path in sys.argv[1::2]: read(path)
for small, big in zip(sys.argv[1::2], sys.argv[2::2]):
    before = peak()
    read(big)
    print(peak() - before)
"""


@pytest.mark.slow
def test_a_huge_radiograph_takes_a_bounded_share_of_memory(tmp_path):
    """4,000 × 5,000 pixels of 16 bits: file, stored values and shades, 16 bytes a pixel at most."""
    huge = np.tile(np.arange(4000, dtype=np.uint16), (5000, 1))
    paths = []
    for kind in ("dcm", "png"):
        for name, pixels in (("small", huge[:50, :40].copy()), ("huge", huge)):
            path = tmp_path / f"{name}.{kind}"
            paths.append(dicom(path, pixels) if kind == "dcm" else save(path, pixels, compress_level=1))
    command = [sys.executable, "-c", BIG, *map(str, paths)]
    grown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert len(grown) == 2
    assert max(map(int, grown)) < 16 * huge.size


def test_exif_orientation_of_jpeg(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.jpg", np.repeat(RAMP, 8, axis=1), exif=exif)
    assert read_radiograph(path).pixels.shape == (32, 3)
    assert (read_header(path).width, read_header(path).height) == (3, 32)


def whole(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(kind, share, tmp_path):
    path = tmp_path / "cut.img"
    content = whole(kind)
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"image .*cut\.img: (cannot be decoded|not a readable|a damaged)"):
        read_radiograph(path)


def test_spoiled_png_is_noticed(tmp_path):
    content = bytearray(whole("PNG"))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match="cannot be decoded"):
        read_radiograph(tmp_path / "a.png")


BAD_FILES = {
    "empty": (b"", "the file is empty"),
    "text": (b"not an image", "not a readable PNG, JPEG, TIFF or DICOM: unknown format"),
    "gif": (b"GIF89a" + bytes(50), "a GIF picture; PNG, JPEG, TIFF and DICOM are read"),
    "bmp": (b"BM" + bytes(50), "a BMP picture; PNG, JPEG, TIFF and DICOM are read"),
    "webp": (b"RIFF\0\0\0\0WEBP" + bytes(50), "a WebP picture; PNG, JPEG, TIFF and DICOM are read"),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 picture; PNG, JPEG, TIFF and DICOM are read"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(50), "an HEIC, AVIF or video file; PNG, JPEG, TIFF and DICOM are read"),
    "pdf": (b"%PDF-1.7" + bytes(50), "a PDF document; PNG, JPEG, TIFF and DICOM are read"),
    "html": (b"<html>not found</html>", "text or HTML, not a picture; PNG, JPEG, TIFF and DICOM are read"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file(content, message, tmp_path):
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_header, read_radiograph):
        with pytest.raises(DataError, match=rf"image .*a\.png: {message}"):
            read(tmp_path / "a.png")


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"none\.png: cannot be read: No such file"):
        read_radiograph(tmp_path / "none.png")


def test_too_many_pixels(tmp_path):
    path = save(tmp_path / "a.png", RAMP)
    with pytest.raises(DataError, match=r"4 × 3 pixels, more than data\.max_pixels = 11"):
        read_radiograph(path, DataConfig(max_pixels=11))


def test_too_many_bytes_are_not_read(tmp_path):
    path = save(tmp_path / "a.png", RAMP)
    with pytest.raises(DataError, match="bytes are more than 1 pixels can take"):
        read_header(path, DataConfig(max_pixels=1))


def test_png_that_claims_an_absurd_size(tmp_path):
    content = bytearray(whole("PNG"))
    content[16:24] = (200_000).to_bytes(4, "big") * 2
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png: .*(200000 × 200000 pixels|decompression bomb)"):
        read_radiograph(tmp_path / "a.png")


def test_several_pages(tmp_path):
    page = Image.fromarray(RAMP)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    with pytest.raises(DataError, match="2 frames; a radiograph has one"):
        read_header(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.float32([[0, 0.5]]), "floating-point values; save it with 8 or 16 bits"),
        (np.int32([[-1, 5]]), "values from -1 to 5 do not fit 16 bits"),
        (np.int32([[0, 70000]]), "values from 0 to 70000 do not fit 16 bits"),
    ],
)
def test_values_beyond_sixteen_bits(values, message, tmp_path):
    path = save(tmp_path / "a.tif", values)
    with pytest.raises(DataError, match=rf"a\.tif: {message}"):
        read_radiograph(path)

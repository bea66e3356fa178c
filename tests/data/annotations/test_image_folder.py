"""Finding radiographs by name: in any spelling that is certain, and never outside the folder."""

from __future__ import annotations

import os

import pytest

from keras_cwp.data.annotations.image_folder import ImageFolder
from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def test_link_out_of_the_folder(table, images, tmp_path):
    (tmp_path / "outside.png").write_bytes((images / "a.png").read_bytes())
    (images / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(DataError, match=r"'link\.png' is a link out of the images folder"):
        read_rois(table("link.png,P,n,1,1,5,5"), images)


def test_link_within_the_folder(table, images):
    (images / "link.png").symlink_to(images / "a.png")
    assert read_rois(table("link.png,P,n,1,1,5,5"), images)[0].image == "link.png"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_pipe_does_not_hang(table, images):
    os.mkfifo(images / "pipe.png")
    with pytest.raises(DataError, match=r"no image 'pipe\.png'"):
        read_rois(table("pipe.png,P,n,1,1,5,5"), images)


SPELLINGS = ("./a.png", "A.PNG", "a.png ", "\u200ba.png", "a", ".\\a.png", "\uff41.png".replace("\uff41", "a"))


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_that_is_certain_is_found(name, images):
    assert ImageFolder(images).find(name, "here")[0] == "a.png"


def test_composed_and_decomposed_letters_are_one_name(images):
    (images / "a.png").rename(images / "Mu\u0308ller.png")  # as macOS writes it
    assert ImageFolder(images).find("M\u00fcller.png", "here")[0] == "Mu\u0308ller.png"


def test_two_files_that_fit_are_asked_about(images):
    (images / "a.png").rename(images / "A.png")
    (images / "b.png").rename(images / "a.PNG")
    with pytest.raises(DataError, match=r"'A\.png' and 'a\.PNG' are spelt alike"):
        ImageFolder(images).find("a.png", "here")


def test_leading_zeros_are_asked_about(images):
    (images / "a.png").rename(images / "001.png")
    with pytest.raises(DataError, match=r"no image '1\.png' in .*; nearest name there: '001\.png'"):
        ImageFolder(images).find("1.png", "here")


def test_a_name_in_two_places_is_asked_about(images):
    (images / "sub").mkdir()
    (images / "sub" / "a.png").write_bytes((images / "b.png").read_bytes())
    with pytest.raises(DataError, match=r"is in the images folder .* and beside the annotation file"):
        ImageFolder(images).find("a.png", "here", images / "sub")
    (images / "a.png").unlink()
    assert ImageFolder(images).find("a.png", "here", images / "sub")[0] == "sub/a.png"

"""A folder for each class, radiographs in it: whole images, no boxes."""

from __future__ import annotations

from pathlib import Path

from keras_cwp.data.annotations.roi import ImageFolder, Roi
from keras_cwp.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom")


def read_class_tree(path: Path, images: ImageFolder) -> list[Roi]:
    """One ROI a radiograph, sorted by path; the class is the folder directly below `path`.

    Raises:
        DataError: the tree does not lie in the images folder, or a radiograph is in no class folder.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
    rois = []
    for file in files:
        inside = file.relative_to(path)
        if inside.name.startswith("."):
            continue
        if len(inside.parts) < 2:
            raise DataError(f"{file}: lies beside the class folders of {path}; move it into one")
        name = images.contains(file)
        if name is None:
            raise DataError(f"{file}: lies outside the images folder {images.path}; give the same folder for both")
        image, found = images.find(name, str(file))
        rois.append(Roi(image, found, None, inside.parts[0], None, image, str(file)))
    return rois

"""Small DICOM radiographs of named patients, for tests of what is written about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

NAME, IDENTIFIER = "Müller-Ōtani^Jörg", "HOSPITAL-4711"


def write_radiograph(path: Path, study: str, seed: int = 0, height: int = 120, width: int = 150, **elements) -> Path:
    """A CR image of noise; elements by keyword, None to leave one out.

    Args:
        study: any text; images of the same text are of the same study.
    """
    pixels = np.random.default_rng(seed).integers(0, 4096, (height // 10, width // 10), dtype=np.uint16)
    fields = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": ComputedRadiographyImageStorage,
        "SOPInstanceUID": generate_uid(entropy_srcs=[study, str(seed)]),
        "SeriesInstanceUID": generate_uid(entropy_srcs=[study, "series"]),
        "StudyInstanceUID": generate_uid(entropy_srcs=[study]),
        "PatientName": NAME,
        "PatientID": IDENTIFIER,
        "PatientBirthDate": "19510203",
        "PatientSex": "M",
        "AccessionNumber": "A1",
        "StudyID": "S1",
        "StudyDate": "20240506",
        "StudyTime": "101112",
        "ReferringPhysicianName": "",
        "Modality": "CR",
        "PixelSpacing": [0.2, 0.2],
        "Rows": height,
        "Columns": width,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": np.kron(pixels, np.ones((10, 10), np.uint16)).tobytes(),
    }
    dataset = pydicom.Dataset()
    for keyword, value in {**fields, **elements}.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = fields["SOPInstanceUID"]
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path

"""Radiograph files: DICOM, PNG, JPEG and TIFF to grey values."""

"""Scoring files and regions, and DICOM reports of the scores."""

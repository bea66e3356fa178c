"""Annotation files of every accepted format."""

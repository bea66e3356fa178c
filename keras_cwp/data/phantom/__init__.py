"""Synthetic radiographs for the demonstration and for tests."""

"""Classify regions of interest of chest radiographs with ShuffleNet V2 and ECA, and measure it honestly."""

from keras_cwp.version import VERSION as __version__

__all__ = ["__version__"]

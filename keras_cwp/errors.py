"""The exceptions that a user's input can cause; the command line turns each into one line and exit code 1.

A message says what is wrong, where (file, row, key), what was received and what to do about it.
"""


class CwpError(Exception):
    """What a user can correct; the root of the package's exceptions."""


class ConfigError(CwpError):
    """A configuration file, key or value that is not of the schema."""


class DataError(CwpError):
    """A radiograph, annotation file or prepared data set that cannot be used."""


class SplitError(CwpError):
    """A split that cannot be made, or that would let a patient cross it."""


class ModelError(CwpError):
    """An architecture or a set of weights that cannot be built, read or matched."""


class RunError(CwpError):
    """A RUN folder that exists already, is incomplete, or is not one."""


class ScoresError(CwpError):
    """A Scores table that is malformed, or from which a figure cannot be computed."""


class ServingError(CwpError):
    """A bundle that cannot be written or checked, or a server that refuses."""

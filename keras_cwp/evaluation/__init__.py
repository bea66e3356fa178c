"""Figures of a Scores table, with intervals. NumPy and SciPy only; never TensorFlow."""

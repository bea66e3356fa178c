"""Fit one split, or cross-validate; both continue after a kill."""

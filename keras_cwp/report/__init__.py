"""Figures and the one HTML file."""

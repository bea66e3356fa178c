"""Checks of a prepared data set: leaks, look-alikes, confounds, overlap."""

"""Batched augmentation on the device: the draw is apart from the application."""

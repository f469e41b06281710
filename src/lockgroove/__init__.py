"""Lockgroove: an open preservation archive for music that anyone can verify, mirror and rebuild."""

__version__ = "0.1.0"

"""Engines of the family ``transport``, one a file."""

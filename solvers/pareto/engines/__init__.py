"""Engines for several objectives."""

"""Engines for saddle problems."""

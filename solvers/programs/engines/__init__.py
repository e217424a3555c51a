"""Engines for mathematical programs: one file each, and beside it the parts of it that are a concept of their own."""

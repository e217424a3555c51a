"""Benchmarks: `python -m benchmarks` runs all of them. Method and results: docs/benchmarks.md."""

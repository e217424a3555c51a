"""The job rules, for the autoscaler's query."""

from tests.service.conftest import desk

__all__ = ["desk"]

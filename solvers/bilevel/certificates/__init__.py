"""Checks of answers, independent of the engines: other solvers, other formulations, finite differences."""

from solvers.bilevel.certificates.certify import certify
from solvers.bilevel.certificates.settle import settle

__all__ = ["certify", "settle"]

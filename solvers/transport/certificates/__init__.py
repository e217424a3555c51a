"""What Kantor checks itself about an answer to a transport problem, with code that shares nothing with any engine."""

from solvers.transport.certificates.certify import certify

__all__ = ["certify"]

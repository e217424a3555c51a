"""Whether the contract still holds what the last release promised: ``python -m service.contract``."""

"""Kantor's engines inside other tools: ``kantor.integrations.optuna`` and ``kantor.integrations.sklearn``.

Each needs its tool, which the client itself does not: ``pip install kantor[optuna]``, ``kantor[sklearn]``.
"""

from __future__ import annotations


def missing(package: str, extra: str) -> ImportError:
    """What to say where a tool is not installed."""
    return ImportError(f"kantor.integrations.{extra} needs {package}: pip install 'kantor[{extra}]'", name=package)

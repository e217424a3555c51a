"""Analyses of a study in a runner: importance of parameters, predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvers.core.engine import Context
from solvers.studies.engine import Step
from workers.families import Refusal


def analyse(
    work: str, step: Step, extra: Mapping[str, Any], engine: str, options: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Fields of the answer.

    Raises:
        Refusal: no such analysis, or too few trials for it.
    """
    raise Refusal("unsupported-problem", f"this worker knows no analysis {work!r}", pointer="/problem/work")

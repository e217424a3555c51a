"""Analysis before solving: ``inspect(program)``."""

from solvers.programs.analysis.inspection import Inspection, inspect

__all__ = ["Inspection", "inspect"]

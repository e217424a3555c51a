"""Runs the intermediate form of Kantor's expression language.

The form is plain data (a dictionary as JSON has it, see ``api_schemas.expression.program``), made and checked by
``api_schemas.expression``; here nothing is parsed. ``compile`` gives a function on torch tensors with gradients,
``evaluate`` values by numpy, ``affine`` and ``quadratic`` exact coefficients.
Import ``solvers.expression.function`` only where torch may be loaded.
"""

from solvers.expression.evaluate import evaluate
from solvers.expression.layout import Layout
from solvers.expression.program import Operation, Program

__all__ = ["Layout", "Operation", "Program", "evaluate"]

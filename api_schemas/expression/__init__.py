"""Kantor's expression language: ``mean((Xv @ w - yv)**2)``. Text in, plain data out, nothing is ever executed.

Standard library only. ``Scope`` declares variables and data, checks expressions and gives the intermediate form
(``program``), which ``solvers.expression`` runs; ``structure`` says what can be known of an expression beforehand. The
language is defined in docs/reference/expression-language.md.
"""

from api_schemas.expression.errors import ExpressionError
from api_schemas.expression.functions import FUNCTIONS
from api_schemas.expression.limits import Limits
from api_schemas.expression.program import Input, Operation
from api_schemas.expression.scope import Constraint, Expression, Scope
from api_schemas.expression.structure import Structure, structure

__all__ = [
    "FUNCTIONS",
    "Constraint",
    "Expression",
    "ExpressionError",
    "Input",
    "Limits",
    "Operation",
    "Scope",
    "Structure",
    "structure",
]

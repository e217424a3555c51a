"""A program in the form of MathOpt, for PDLP."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.programs.problem import Program


def model_of(problem: Program) -> Any:
    """The program as a MathOpt model; its variables and rows have their indices as ids."""
    from ortools.math_opt import model_pb2

    model = model_pb2.ModelProto()
    names = range(problem.n)
    model.variables.ids.extend(names)
    model.variables.lower_bounds.extend(problem.lower.tolist())
    model.variables.upper_bounds.extend(problem.upper.tolist())
    model.variables.integers.extend([False] * problem.n)
    model.objective.maximize = problem.sense == "max"
    model.objective.offset = problem.offset
    costs = np.flatnonzero(problem.c)
    model.objective.linear_coefficients.ids.extend(costs.tolist())
    model.objective.linear_coefficients.values.extend(problem.c[costs].tolist())
    if problem.Q is not None:
        diagonal = problem.Q.diagonal()
        squares = np.flatnonzero(diagonal)
        quadratic = model.objective.quadratic_coefficients
        quadratic.row_ids.extend(squares.tolist())
        quadratic.column_ids.extend(squares.tolist())
        quadratic.coefficients.extend((0.5 * diagonal[squares]).tolist())
    model.linear_constraints.ids.extend(range(problem.m))
    model.linear_constraints.lower_bounds.extend(problem.row_lower.tolist())
    model.linear_constraints.upper_bounds.extend(problem.row_upper.tolist())
    A = problem.A.copy()
    A.sort_indices()  # MathOpt wants the entries in the order of rows, then columns
    matrix = model.linear_constraint_matrix
    matrix.row_ids.extend(np.repeat(np.arange(problem.m), np.diff(A.indptr)).tolist())
    matrix.column_ids.extend(A.indices.tolist())
    matrix.coefficients.extend(A.data.tolist())
    return model


def hints_of(x: np.ndarray | None, y: np.ndarray | None) -> Any:
    """A warm start of point and row duals, as far as they are known."""
    from ortools.math_opt import model_parameters_pb2

    given = model_parameters_pb2.ModelSolveParametersProto()
    if x is None and y is None:
        return given
    hint = given.solution_hints.add()
    for values, vector in ((x, hint.variable_values), (y, hint.dual_values)):
        if values is not None:
            known = np.flatnonzero(~np.isnan(values))
            vector.ids.extend(known.tolist())
            vector.values.extend(values[known].tolist())
    return given


def dense(vector: Any, size: int) -> np.ndarray:
    """A sparse vector of MathOpt as an array."""
    values = np.zeros(size)
    values[np.array(vector.ids, dtype=np.int64)] = vector.values
    return values

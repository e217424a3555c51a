"""Values by numpy in double precision: without torch, and sharing no code with the compiled functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solvers.expression.numpy_kernels import kernel
from solvers.expression.program import Program


def evaluate(
    program: Program, output: str, values: Mapping[str, Any], real: type[np.floating[Any]] = np.float64
) -> np.ndarray:
    """The value of one output; NaN and infinity where it is not defined.

    Args:
        values: an array of the declared shape for each input (variables and data) that the output needs.
        real: ``np.longdouble`` computes in extended precision (only ``erf`` stays in double).
    """
    return evaluate_many(program, [program.outputs[output]], values, real)[0]


def evaluate_many(
    program: Program, positions: Sequence[int], values: Mapping[str, Any], real: type[np.floating[Any]] = np.float64
) -> list[np.ndarray]:
    """Values of several operations by position; shared ones are computed once."""
    results: dict[int, Any] = {}
    needed = program.needed(positions)
    with np.errstate(all="ignore"):
        for index in needed:
            operation = program.operations[index]
            if operation.op == "input":
                dtype = np.dtype(real) if operation.dtype == "float64" else np.dtype(np.int64)
                results[index] = np.asarray(values[operation.attributes["name"]], dtype=dtype)
            elif operation.op == "float":
                results[index] = np.asarray(results[operation.arguments[0]], dtype=real)
            elif operation.op == "constant":
                results[index] = real(operation.attributes["value"])
            else:
                apply = kernel(operation.op, operation.attributes, operation.shape)
                results[index] = apply(*(results[argument] for argument in operation.arguments))
    return [np.asarray(results[position]) for position in positions]

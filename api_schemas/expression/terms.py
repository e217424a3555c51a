"""An objective's terms: is it a sum of squares, is it a smooth function plus norms?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from api_schemas.expression.scope import Scope
from api_schemas.expression.shapes import size
from api_schemas.expression.structure import structure

#: More terms than this are not looked at.
MAX_TERMS = 200


@dataclass(frozen=True)
class Norm:
    """``weight * norm(variable)``; for ``norm2`` along ``axis`` the sum of the groups' norms, None for one group."""

    norm: Literal["norm1", "norm2"]
    weight: float
    variable: str
    axis: int | None = None


def terms(scope: Scope, root: int, values: Mapping[str, float]) -> list[tuple[float, int]]:
    """The objective as a sum of (factor, operation), with constant factors pulled out.

    Args:
        values: of scalars among the data, which may be factors.
    """
    found: list[tuple[float, int]] = []
    pending = [(1.0, root)]
    while pending and len(found) + len(pending) <= MAX_TERMS:
        factor, index = pending.pop()
        operation = scope.operations[index]
        arguments = operation.arguments
        if operation.op in ("add", "sub") and operation.shape == ():
            sign = 1.0 if operation.op == "add" else -1.0
            pending += [(sign * factor, arguments[1]), (factor, arguments[0])]
        elif operation.op == "neg":
            pending.append((-factor, arguments[0]))
        elif operation.op in ("mul", "div"):
            left, right = (_constant(scope, argument, values) for argument in arguments)
            if operation.op == "mul" and left is not None:
                pending.append((factor * left, arguments[1]))
            elif right is not None and not (operation.op == "div" and right == 0.0):
                pending.append((factor * (right if operation.op == "mul" else 1.0 / right), arguments[0]))
            else:
                found.append((factor, index))
        else:
            parts = _split_sum(scope, index, values)
            if parts is None:
                found.append((factor, index))
            else:
                pending += [(factor * share, part) for share, part in reversed(parts)]
    return found + pending


def _split_sum(scope: Scope, index: int, values: Mapping[str, float]) -> list[tuple[float, int]] | None:
    """``sum(a + b)`` as sum(a) and sum(b), ``sum(2*a)`` as 2*sum(a); None if there is nothing to split."""
    operation = scope.operations[index]
    if operation.op not in ("sum", "mean") or operation.attribute("axis") is not None:
        return None
    inner = scope.operations[operation.arguments[0]]

    def total(argument: int) -> int | None:
        if scope.operations[argument].shape != inner.shape:
            return None
        return scope.add(operation.op, (argument,), (), axis=None)

    if inner.op in ("add", "sub"):
        left, right = (total(argument) for argument in inner.arguments)
        if left is None or right is None:
            return None
        return [(1.0, left), (1.0 if inner.op == "add" else -1.0, right)]
    if inner.op == "neg":
        part = total(inner.arguments[0])
        return None if part is None else [(-1.0, part)]
    if inner.op in ("mul", "div"):
        for k in (1, 0) if inner.op == "mul" else (1,):
            constant = _constant(scope, inner.arguments[k], values)
            part = total(inner.arguments[1 - k])
            if constant is not None and constant != 0.0 and part is not None:
                return [(constant if inner.op == "mul" else 1.0 / constant, part)]
    return None


def residual(scope: Scope, root: int, values: Mapping[str, float]) -> int | None:
    """A vector operation r with objective = sum(r**2); None if the objective is not written as such a sum."""
    parts = []
    for factor, index in terms(scope, root, values):
        squared = _squares(scope, index)
        if squared is None or factor < 0.0:
            return None
        share, inner = squared
        shape = scope.operations[inner].shape
        flat = inner if len(shape) == 1 else scope.add("reshape", (inner,), (size(shape),))
        weight = scope.add("constant", (), (), value=math.sqrt(factor * share))
        parts.append(scope.add("mul", (weight, flat), (size(shape),)))
    if len(parts) == 1:
        return parts[0]
    total = sum(size(scope.operations[part].shape) for part in parts)
    return scope.add("concatenate", tuple(parts), (total,), axis=0) if parts else None


def regularized(scope: Scope, root: int, values: Mapping[str, float]) -> tuple[int, list[Norm]] | None:
    """A smooth operation and norms of whole, different variables whose sum is the objective; None if it is not so."""
    variables = {name for name, given in scope.inputs.items() if given.role == "variable"}
    smooth: list[tuple[float, int]] = []
    norms: list[Norm] = []
    for factor, index in terms(scope, root, values):
        if structure(scope.operations, scope.inputs, index, variables).smooth:
            smooth.append((factor, index))
            continue
        norm = _norm(scope, factor, index)
        if norm is None or norm.variable in {known.variable for known in norms}:
            return None
        norms.append(norm)
    if not norms:
        return None
    total = scope.add("constant", (), (), value=0.0)
    for factor, index in smooth:
        weight = scope.add("constant", (), (), value=factor)
        part = index if factor == 1.0 else scope.add("mul", (weight, index), ())
        total = part if scope.operations[total].op == "constant" else scope.add("add", (total, part), ())
    return total, norms


def _constant(scope: Scope, index: int, values: Mapping[str, float]) -> float | None:
    operation = scope.operations[index]
    if operation.op == "constant":
        return float(operation.attribute("value"))
    if operation.op == "float":
        return _constant(scope, operation.arguments[0], values)
    return values.get(operation.attribute("name")) if operation.op == "input" else None


def _squares(scope: Scope, index: int) -> tuple[float, int] | None:
    """(share, r) with value = share * sum(r**2)."""
    operation = scope.operations[index]
    op, arguments = operation.op, operation.arguments
    if op == "norm2sq" and operation.attribute("axis") is None:
        return 1.0, arguments[0]
    if op == "square" and operation.shape == ():
        return 1.0, arguments[0]
    if op == "matmul" and arguments[0] == arguments[1] and operation.shape == ():
        return 1.0, arguments[0]
    if op in ("sum", "mean") and operation.attribute("axis") is None:
        inner = scope.operations[arguments[0]]
        same = inner.op == "mul" and inner.arguments[0] == inner.arguments[1]
        if inner.op == "square" or same:
            return (1.0 if op == "sum" else 1.0 / size(inner.shape)), inner.arguments[0]
    return None


def _norm(scope: Scope, factor: float, index: int) -> Norm | None:
    operation = scope.operations[index]
    if factor <= 0.0 or operation.shape != ():
        return None
    op, inner = operation.op, operation.arguments[0] if operation.arguments else index
    if op == "norm1" or (op == "abs" and operation.shape == ()):
        return _of_variable(scope, "norm1", factor, inner, None)
    if op == "norm2":
        return _of_variable(scope, "norm2", factor, inner, None)
    if op not in ("sum", "mean"):
        return None
    below = scope.operations[inner]
    share = factor if op == "sum" else factor / size(below.shape)
    if below.op in ("abs", "norm1"):
        return _of_variable(scope, "norm1", share, below.arguments[0], None)
    if below.op == "norm2":
        return _of_variable(scope, "norm2", share, below.arguments[0], below.attribute("axis"))
    return None


def _of_variable(
    scope: Scope, norm: Literal["norm1", "norm2"], weight: float, index: int, axis: int | None
) -> Norm | None:
    operation = scope.operations[index]
    if operation.op != "input" or scope.inputs[operation.attribute("name")].role != "variable":
        return None
    return Norm(norm, weight, operation.attribute("name"), axis)

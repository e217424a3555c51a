"""Operations that torch does in one: a loss of a difference, and its sum or mean, without what lies between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.nn import functional

from solvers.expression.program import Operation, Program

#: What stands for an operation, and the operations that it takes instead of its arguments.
Fused = tuple[Callable[..., Any], tuple[int, ...]]


def fused(program: Program, needed: Sequence[int], roots: Sequence[int], moving: Sequence[bool]) -> Mapping[int, Fused]:
    """By position: operations that are computed from further back; what they pass over is no longer needed.

    Args:
        needed: positions that the roots need.
        moving: for each operation whether it depends on variables.
    """
    operations = program.operations
    uses = Counter(argument for index in needed for argument in operations[index].arguments)
    uses.update(roots)

    def inner(index: int, *names: str) -> Operation | None:
        """The operation there, if it is one of these and nothing else needs it."""
        found = operations[index]
        return found if found.op in names and uses[index] == 1 and moving[index] else None

    result: dict[int, Fused] = {}
    for index in needed:
        operation = operations[index]
        if not moving[index]:
            continue
        loss: Operation | None = operation
        reduction = "none"
        if operation.op in ("sum", "mean") and operation.attributes["axis"] is None:
            reduction = operation.op
            loss = inner(operation.arguments[0], "huber", "cross_entropy")
        if loss is None or loss.op not in ("huber", "cross_entropy"):
            continue
        if loss.op == "cross_entropy":
            if reduction != "none":
                result[index] = (_cross_entropy(reduction), loss.arguments)
            continue
        difference = inner(loss.arguments[0], "sub")
        if difference is None or any(operations[k].shape != loss.shape for k in difference.arguments):
            continue
        left, right = difference.arguments
        # the loss is even, and torch batches its first argument only
        if moving[right]:
            if moving[left]:
                continue
            left, right = right, left
        result[index] = (_huber(reduction, float(loss.attributes["delta"])), (left, right))
    return result


def _huber(reduction: str, delta: float) -> Callable[..., Any]:
    return lambda x, y: functional.huber_loss(x, y, reduction, delta)


def _cross_entropy(reduction: str) -> Callable[..., Any]:
    return lambda z, labels: functional.cross_entropy(z, labels, reduction=reduction)

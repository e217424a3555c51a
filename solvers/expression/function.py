"""The intermediate form as a function on torch tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from solvers.expression.program import Program, checked_data


class Function:
    """Outputs of a program as functions of its variables; what depends on data alone is computed once.

    Calls are differentiable, work under torch.func (vmap, grad, jvp, hessian) and keep no state between calls.

    Attributes:
        program: what is computed.
        outputs: names of the outputs, in the order of the results.
        variables: names that ``__call__`` needs.
    """

    def __init__(
        self, program: Program, outputs: Sequence[str], data: Mapping[str, np.ndarray], device: torch.device
    ) -> None:
        from solvers.expression.fusion import fused  # full of torch, as the kernels' tables
        from solvers.expression.torch_kernels import kernel

        self.program = program
        self.outputs = tuple(outputs)
        roots = [program.outputs[name] for name in outputs]
        needed = program.needed(roots)
        moving = program.depends(given.name for given in program.variables())
        shortcuts = fused(program, needed, roots, moving)
        arguments = {k: shortcuts[k][1] if k in shortcuts else program.operations[k].arguments for k in needed}
        needed = _still_needed(roots, arguments)
        numbers = _numbers(program, needed, moving).difference(*(taken for _, taken in shortcuts.values()))
        template: list[Any] = [None] * len(program.operations)
        self._inputs: list[tuple[int, str]] = []
        self._steps: list[tuple[Any, tuple[int, ...], int]] = []
        for index in needed:
            operation = program.operations[index]
            if operation.op == "input":
                name = operation.attributes["name"]
                if moving[index]:
                    self._inputs.append((index, name))
                else:
                    template[index] = torch.as_tensor(data[name]).to(device)
            elif operation.op == "constant":
                value = operation.attributes["value"]
                in_place = index in numbers
                template[index] = value if in_place else torch.tensor(value, dtype=torch.float64, device=device)
            elif index in shortcuts:
                self._steps.append((*shortcuts[index], index))
            else:
                apply = kernel(operation.op, operation.attributes, operation.shape)
                if moving[index]:
                    self._steps.append((apply, operation.arguments, index))
                else:
                    with torch.no_grad():
                        template[index] = apply(*(template[argument] for argument in operation.arguments))
        self.variables = tuple(name for _, name in self._inputs)
        self._roots = roots
        self._template = template

    def __call__(self, variables: Mapping[str, torch.Tensor]) -> Any:
        """One tensor if there is one output, else a tuple.

        Args:
            variables: float64 tensors of the declared shapes; others than needed are ignored.
        """
        values = self._template.copy()
        for index, name in self._inputs:
            values[index] = variables[name]
        for apply, arguments, index in self._steps:
            if len(arguments) == 2:
                first, second = arguments
                values[index] = apply(values[first], values[second])
            elif len(arguments) == 1:
                values[index] = apply(values[arguments[0]])
            else:
                values[index] = apply(*[values[argument] for argument in arguments])
        if len(self._roots) == 1:
            return values[self._roots[0]]
        return tuple(values[root] for root in self._roots)


def compile(
    program: Program | Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
    outputs: Sequence[str] | str | None = None,
    *,
    device: torch.device | str = "cpu",
) -> Function:
    """Outputs of a program (all, if none are named) as a function of its variables.

    Args:
        program: read, or the plain data.
        data: an array for each input of role ``data``.

    Raises:
        InvalidProblem: data that do not fit what was declared.
    """
    if not isinstance(program, Program):
        program = Program.load(program)
    if outputs is None:
        outputs = tuple(program.outputs)
    elif isinstance(outputs, str):
        outputs = (outputs,)
    return Function(program, outputs, checked_data(program, data or {}), torch.device(device))


def _still_needed(roots: Sequence[int], arguments: Mapping[int, tuple[int, ...]]) -> list[int]:
    """Positions that the roots need by these arguments, in order."""
    seen, stack = set(roots), list(roots)
    while stack:
        new = [k for k in arguments[stack.pop()] if k not in seen]
        seen.update(new)
        stack += new
    return sorted(seen)


def _numbers(program: Program, needed: Sequence[int], moving: Sequence[bool]) -> set[int]:
    """Constants that every user takes as a number, which spares torch a tensor of rank 0."""
    from solvers.expression.torch_kernels import TAKES_NUMBERS

    numbers = {index for index in needed if program.operations[index].op == "constant"}
    for index in needed:
        operation = program.operations[index]
        if operation.op in TAKES_NUMBERS and moving[index]:
            continue
        numbers -= set(operation.arguments)
    return numbers - set(program.outputs.values())

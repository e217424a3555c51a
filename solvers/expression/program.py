"""The intermediate form, read once: operations, inputs, outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from solvers.core.errors import InvalidProblem

Shape = tuple[int, ...]

VERSION = 1


class Operation(NamedTuple):
    """``op`` of earlier operations ``arguments``; its value has the shape and the dtype (float64 or int64)."""

    op: str
    arguments: tuple[int, ...]
    attributes: Mapping[str, Any]
    shape: Shape
    dtype: str


class Input(NamedTuple):
    """``role`` is variable or data; ``group`` says whose variable it is."""

    name: str
    shape: Shape
    dtype: str
    role: str
    group: str


@dataclass(frozen=True)
class Program:
    """Operations in an order in which each uses only earlier ones; ``outputs`` are positions of operations by name."""

    operations: tuple[Operation, ...]
    inputs: Mapping[str, Input]
    outputs: Mapping[str, int]

    @classmethod
    def load(cls, plain: Mapping[str, Any]) -> Program:
        """From plain data, which must come from ``api_schemas.expression``: it is not checked again.

        Raises:
            InvalidProblem: another version of the form.
        """
        if plain.get("version") != VERSION:
            raise InvalidProblem(f"intermediate form of version {plain.get('version')}, not {VERSION}")
        operations = tuple(
            Operation(op, tuple(arguments), attributes, tuple(shape), dtype)
            for op, arguments, attributes, shape, dtype in plain["operations"]
        )
        inputs = {
            name: Input(name, tuple(given["shape"]), given["dtype"], given["role"], given["group"])
            for name, given in plain["inputs"].items()
        }
        return cls(operations, inputs, dict(plain["outputs"]))

    def variables(self, group: str | None = None) -> tuple[Input, ...]:
        """The variables, of one group or of all, in the order of their declaration."""
        return tuple(
            given
            for given in self.inputs.values()
            if given.role == "variable" and (group is None or given.group == group)
        )

    def needed(self, roots: Iterable[int]) -> list[int]:
        """Positions of all operations that the roots need, in order."""
        seen = set(roots)
        for index in range(max(seen, default=-1), -1, -1):
            if index in seen:
                seen.update(self.operations[index].arguments)
        return sorted(seen)

    def depends(self, names: Iterable[str]) -> list[bool]:
        """For each operation, whether it depends on one of the inputs."""
        wanted = set(names)
        flags: list[bool] = []
        for operation in self.operations:
            if operation.op == "input":
                flags.append(operation.attributes["name"] in wanted)
            else:
                flags.append(any(flags[argument] for argument in operation.arguments))
        return flags


def checked_data(program: Program, data: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The program's data as float64 or int64 arrays of the declared shapes; unused ones are left out.

    Raises:
        InvalidProblem: missing, wrong shape, not finite, not whole, or an index out of range; ``pointer`` is
            ``/data/<name>``.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, given in program.inputs.items():
        if given.role != "data":
            continue
        pointer = f"/data/{name}"
        if name not in data:
            raise InvalidProblem(f"the data {name!r} is missing", pointer=pointer)
        array = np.asarray(data[name])
        if array.shape != given.shape:
            raise InvalidProblem(
                f"the data {name!r} has shape {array.shape}", pointer=pointer, hint=f"it was declared as {given.shape}"
            )
        if given.dtype == "int64" and array.dtype.kind not in "iu":
            raise InvalidProblem(f"the data {name!r} is {array.dtype}", pointer=pointer, hint="it was declared int64")
        array = np.asarray(array, dtype=np.dtype(given.dtype), order="C")
        if given.dtype == "float64" and not np.isfinite(array).all():
            place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
            raise InvalidProblem(f"the data {name!r} is not finite at {list(place)}", pointer=pointer)
        arrays[name] = array
    _check_indices(program, arrays)
    return arrays


def _check_indices(program: Program, arrays: Mapping[str, np.ndarray]) -> None:
    from solvers.expression.evaluate import evaluate_many

    picks = [o for o in program.operations if o.op in ("take", "cross_entropy")]
    if not picks:
        return
    positions = sorted({operation.arguments[1] for operation in picks})
    values = dict(zip(positions, evaluate_many(program, positions, arrays), strict=True))
    for operation in picks:
        index = values[operation.arguments[1]]
        shape = program.operations[operation.arguments[0]].shape
        limit = shape[0] if operation.op == "take" else shape[1]
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= limit:
            names = sorted(
                program.operations[k].attributes["name"]
                for k in program.needed([operation.arguments[1]])
                if program.operations[k].op == "input"
            )
            wrong = low if low < 0 else high
            raise InvalidProblem(
                f"{operation.op}: index {wrong} of {names[0]!r} is outside 0..{limit - 1}",
                pointer=f"/data/{names[0]}",
            )

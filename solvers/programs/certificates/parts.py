"""The members of an infeasible subsystem, and the programs that some of them make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from solvers.programs.answer import InfeasibleSubsystem
from solvers.programs.problem import CONTINUOUS, INTEGER, Program


@dataclass(frozen=True, slots=True)
class Member:
    """A side of a row or bound (both of an equation or a fixed variable count as one), or a variable's integrality."""

    kind: Literal["row", "bound", "integrality"]
    index: int
    sides: tuple[str, ...]
    name: str


def read_members(problem: Program, iis: InfeasibleSubsystem) -> tuple[list[Member], str]:
    """The members, or what is wrong with the list."""
    members: list[Member] = []
    lists = (
        ("row", iis.rows, problem.m, problem.row_lower, problem.row_upper, problem.constraint_name),
        ("bound", iis.bounds, problem.n, problem.lower, problem.upper, problem.variable_name),
    )
    for kind, listed, size, lower, upper, name_of in lists:
        sides: dict[int, set[str]] = {}
        for entry in listed:
            index, side, complaint = _read_entry(entry, size, kind)
            if complaint:
                return [], complaint
            limit = lower[index] if side == "lower" else upper[index]
            if not np.isfinite(limit):
                return [], f"{kind} {name_of(index)!r} has no {side} side"
            sides.setdefault(index, set()).add(side)
        for index, found in sides.items():
            name = f"{kind} {name_of(index)!r}" if kind == "row" else f"the bound of {name_of(index)!r}"
            groups = [tuple(sorted(found))]
            if len(found) == 2 and lower[index] != upper[index]:
                groups = [("lower",), ("upper",)]
            members.extend(Member("row" if kind == "row" else "bound", index, group, name) for group in groups)
    for variable in iis.integrality:
        if not isinstance(variable, (int, np.integer)) or not 0 <= variable < problem.n:
            return [], f"{variable!r} is no variable"
        index = int(variable)
        if problem.integrality[index] == CONTINUOUS:
            return [], f"variable {problem.variable_name(index)!r} is continuous"
        members.append(Member("integrality", index, (), f"integrality of {problem.variable_name(index)!r}"))
    if not members:
        return [], "it has no members"
    return members, ""


def _read_entry(entry: Any, size: int, kind: str) -> tuple[int, str, str]:
    try:
        index, side = entry
        index = int(index)
    except (TypeError, ValueError, OverflowError):
        return -1, "", f"{entry!r} is no pair of an index and a side"
    if not 0 <= index < size:
        return -1, "", f"there is no {kind} {index}"
    if side not in ("lower", "upper"):
        return -1, "", f"{side!r} is no side"
    return index, side, ""


def row_indices(members: Sequence[Member]) -> np.ndarray:
    """The rows that occur, each once, in ascending order."""
    return np.unique(np.array([member.index for member in members if member.kind == "row"], dtype=np.int64))


def as_program(problem: Program, members: Sequence[Member]) -> Program:
    """The program of these members alone: all variables, the rows of ``row_indices``, no objective."""
    rows = row_indices(members)
    place = {int(index): k for k, index in enumerate(rows)}
    row_lower, row_upper = np.full(rows.size, -np.inf), np.full(rows.size, np.inf)
    lower, upper = np.full(problem.n, -np.inf), np.full(problem.n, np.inf)
    integrality = np.zeros(problem.n, dtype=np.uint8)
    for member in members:
        j = member.index
        if member.kind == "integrality":
            integrality[j] = INTEGER
        elif member.kind == "row":
            row_lower[place[j]] = problem.row_lower[j] if "lower" in member.sides else row_lower[place[j]]
            row_upper[place[j]] = problem.row_upper[j] if "upper" in member.sides else row_upper[place[j]]
        else:
            lower[j] = problem.lower[j] if "lower" in member.sides else lower[j]
            upper[j] = problem.upper[j] if "upper" in member.sides else upper[j]
    return replace(
        problem,
        c=np.zeros(problem.n),
        offset=0.0,
        Q=None,
        A=sp.csr_array(problem.A[rows]),
        row_lower=row_lower,
        row_upper=row_upper,
        lower=lower,
        upper=upper,
        integrality=integrality,
        cones=(),
        sos=(),
        indicators=(),
        nonlinear=None,
        constraint_names=tuple(problem.constraint_name(int(i)) for i in rows),
    )

"""Files as modelling tools and solvers write them: one small program, known in advance, from each."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import highspy
import linopy
import numpy as np
import pandas as pd
import pulp
import pyomo.environ as pyo
import pytest
from pyscipopt import Model, quicksum

from solvers.programs.formats import read
from solvers.programs.problem import Program

INF = math.inf

# max 3 x + 2 y - z + 5 with 1 <= x + 2 y <= 10, x - y + z = 2, y - 3 z >= -4,
# -1 <= x <= 8, y in {0, ..., 6}, z binary
COSTS = {"x": 3.0, "y": 2.0, "z": -1.0}
CONSTANT = 5.0
ROWS = {
    (("x", 1.0), ("y", 2.0)): (1.0, 10.0),
    (("x", 1.0), ("y", -1.0), ("z", 1.0)): (2.0, 2.0),
    (("y", 1.0), ("z", -3.0)): (-4.0, INF),
}
BOUNDS = {"x": (-1.0, 8.0, 0), "y": (0.0, 6.0, 1), "z": (0.0, 1.0, 1)}


Rows = dict[frozenset[tuple[str, float]], tuple[float, float]]


def names_of(program: Program, *, numbered: bool) -> list[str]:
    """The variables' names in the model; a tool that numbers them keeps their order."""
    assert program.variable_names is not None
    return ["xyz"[int(name[1:])] if numbered else name for name in program.variable_names]


def rows_of(program: Program, names: list[str]) -> Rows:
    """Sides by entries; two rows with the same entries are one."""
    rows: Rows = {}
    for i in range(program.m):
        span = slice(program.A.indptr[i], program.A.indptr[i + 1])
        key = frozenset(zip((names[j] for j in program.A.indices[span]), program.A.data[span].tolist(), strict=True))
        low, high = float(program.row_lower[i]), float(program.row_upper[i])
        known_low, known_high = rows.get(key, (-INF, INF))
        rows[key] = (max(low, known_low), min(high, known_high))
    return rows


def by_pyomo(path: Path) -> None:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(-1, 8))
    m.y = pyo.Var(domain=pyo.Integers, bounds=(0, 6))
    m.z = pyo.Var(domain=pyo.Binary)
    m.objective = pyo.Objective(expr=3 * m.x + 2 * m.y - m.z + 5, sense=pyo.maximize)
    m.a = pyo.Constraint(expr=(1, m.x + 2 * m.y, 10))
    m.b = pyo.Constraint(expr=m.x - m.y + m.z == 2)
    m.c = pyo.Constraint(expr=m.y - 3 * m.z >= -4)
    m.write(str(path), io_options={"symbolic_solver_labels": True})


def by_pulp(path: Path) -> None:
    problem = pulp.LpProblem("made", pulp.LpMaximize)
    x, y = pulp.LpVariable("x", -1, 8), pulp.LpVariable("y", 0, 6, cat="Integer")
    z = pulp.LpVariable("z", cat="Binary")
    problem += 3 * x + 2 * y - z + 5
    problem += x + 2 * y <= 10
    problem += x + 2 * y >= 1
    problem += x - y + z == 2
    problem += y - 3 * z >= -4
    if path.suffix == ".mps":
        problem.writeMPS(str(path))
    else:
        problem.writeLP(str(path))


def by_linopy(path: Path) -> None:
    m = linopy.Model()
    one = pd.RangeIndex(1)
    x = m.add_variables(lower=-1, upper=8, coords=[one], name="x")
    y = m.add_variables(lower=0, upper=6, coords=[one], name="y", integer=True)
    z = m.add_variables(coords=[one], name="z", binary=True)
    m.add_constraints(x + 2 * y <= 10)
    m.add_constraints(x + 2 * y >= 1)
    m.add_constraints(x - y + z == 2)
    m.add_constraints(y - 3 * z >= -4)
    m.add_objective((3 * x + 2 * y - z).sum(), sense="max")
    m.to_file(path)


def by_highs(path: Path) -> None:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    for name, (low, high, kind) in BOUNDS.items():
        solver.addVar(low, high)
        j = solver.getNumCol() - 1
        solver.changeColCost(j, COSTS[name])
        solver.passColName(j, name)
        if kind:
            solver.changeColIntegrality(j, highspy.HighsVarType.kInteger)
    index = {name: j for j, name in enumerate(BOUNDS)}
    for k, (row, (low, high)) in enumerate(ROWS.items()):
        columns = np.array([index[name] for name, _ in row], dtype=np.int32)
        solver.addRow(low, high, len(row), columns, np.array([value for _, value in row]))
        solver.passRowName(k, f"row{k}")
    solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
    solver.changeObjectiveOffset(CONSTANT)
    solver.writeModel(str(path))


def by_scip(path: Path) -> None:
    model = Model()
    model.hideOutput()
    kinds = {"x": "C", "y": "I", "z": "B"}
    variables = {name: model.addVar(name, kinds[name], low, high) for name, (low, high, _) in BOUNDS.items()}
    model.setObjective(quicksum(COSTS[name] * v for name, v in variables.items()) + CONSTANT, "maximize")
    for row, (low, high) in ROWS.items():
        body = quicksum(value * variables[name] for name, value in row)
        if low == high:
            model.addCons(body == low)
        else:
            model.addCons((low <= body) <= high if math.isfinite(high) else body >= low)
    model.writeProblem(str(path), verbose=False)


TOOLS: list[tuple[str, Callable[[Path], None]]] = [
    ("pyomo", by_pyomo),
    ("pulp", by_pulp),
    ("linopy", by_linopy),
    ("highs", by_highs),
    ("scip", by_scip),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ["lp", "mps"])
@pytest.mark.parametrize(("tool", "write"), TOOLS, ids=[tool for tool, _ in TOOLS])
def test_a_file_written_by_a_tool_is_read_as_the_program_it_was(
    tool: str, write: Callable[[Path], None], ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"model.{ending}"
    write(path)
    program = read(path.read_bytes(), filename=path.name)
    names = names_of(program, numbered=tool == "linopy")
    rows = rows_of(program, names)
    # Pyomo writes a constant as a column that a row fixes at 1
    one = rows.pop(frozenset({("ONE_VAR_CONSTANT", 1.0)}), None)
    constant = program.offset + sum(c for name, c in zip(names, program.c, strict=True) if name == "ONE_VAR_CONSTANT")
    assert program.sense == "max"
    assert {name: c for name, c in zip(names, program.c.tolist(), strict=True) if name in COSTS} == COSTS
    assert rows == {frozenset(key): side for key, side in ROWS.items()}
    bounds = zip(program.lower.tolist(), program.upper.tolist(), program.integrality.tolist(), strict=True)
    assert {name: bound for name, bound in zip(names, bounds, strict=True) if name in BOUNDS} == BOUNDS
    assert one in (None, (1.0, 1.0))
    if tool not in ("linopy", "pulp"):  # these leave the constant out of their files
        assert constant == CONSTANT

"""AMPL's .nl files, as Pyomo writes them and made by hand."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest
from pyscipopt import Model

from solvers.core.errors import MalformedFile
from solvers.programs.expressions import evaluate
from solvers.programs.formats.nl import read_nl
from solvers.programs.problem import Program


def everything() -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0.5, 4))
    m.y = pyo.Var(domain=pyo.Integers, bounds=(-2, 5))
    m.z = pyo.Var(domain=pyo.Binary)
    m.w = pyo.Var()
    m.k = pyo.Var(domain=pyo.NonNegativeIntegers, bounds=(0, 9))
    m.shared = pyo.Expression(expr=m.x * m.y + pyo.sin(m.w))
    m.objective = pyo.Objective(expr=m.x**2 + 3 * m.y + pyo.exp(m.w / 10) * m.shared + 7, sense=pyo.maximize)
    m.c1 = pyo.Constraint(expr=m.x + m.y * m.w <= 5)
    m.c2 = pyo.Constraint(expr=(1, m.x + 2 * m.z, 3))
    m.c3 = pyo.Constraint(expr=pyo.log(m.x + 1) + m.shared - pyo.sqrt(m.x) == 2)
    m.c4 = pyo.Constraint(expr=abs(m.w) + pyo.atan(m.x) / m.x + pyo.tanh(m.w) + m.k >= -3)
    m.c5 = pyo.Constraint(expr=m.x**3 + m.x**1.5 + pyo.log10(m.x) + pyo.cos(m.y) <= 100)
    return m


def quadratic() -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(4), bounds=(-5, 5))
    m.objective = pyo.Objective(expr=sum((m.x[i] - i) ** 2 for i in range(4)) + m.x[0] * m.x[1] + 2 * m.x[3])
    m.ball = pyo.Constraint(expr=sum(m.x[i] ** 2 for i in range(4)) <= 20)
    m.saddle = pyo.Constraint(expr=m.x[0] * m.x[1] + m.x[2] >= 1)
    m.line = pyo.Constraint(expr=m.x[0] + m.x[1] - 3 * m.x[2] == 1)
    return m


def linear() -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(3), domain=pyo.NonNegativeReals)
    m.y = pyo.Var(range(2), domain=pyo.Binary)
    m.objective = pyo.Objective(expr=m.x[0] + 2 * m.x[1] - m.y[0] + 4)
    m.a = pyo.Constraint(expr=m.x[0] + m.x[1] >= 2 * m.y[0])
    m.b = pyo.Constraint(expr=m.x[2] - m.y[1] <= 3)
    return m


MODELS: list[Callable[[], pyo.ConcreteModel]] = [everything, quadratic, linear]


def written(model: pyo.ConcreteModel, folder: Path) -> tuple[bytes, list[str], list[str]]:
    """The file, and the names of its columns and rows."""
    path = folder / "model.nl"
    model.write(str(path), io_options={"symbolic_solver_labels": True})
    columns = (folder / "model.col").read_text().split()
    rows = (folder / "model.row").read_text().split()
    return path.read_bytes(), columns, rows


def row_values(program: Program, x: np.ndarray) -> np.ndarray:
    values = program.A @ x
    for i, expression in (program.nonlinear.rows if program.nonlinear is not None else {}).items():
        values[i] += evaluate(expression, x)
    return np.asarray(values)


@pytest.mark.parametrize("make", MODELS)
def test_functions_have_the_values_that_pyomo_computes(make: Callable[[], pyo.ConcreteModel], tmp_path: Path) -> None:
    model = make()
    data, columns, rows = written(model, tmp_path)
    program = read_nl(data)
    variables = [model.find_component(name) for name in columns]
    assert program.n == len(variables)
    kept = [name for name in rows if name in {c.name for c in model.component_data_objects(pyo.Constraint)}]
    kept = [name for name in kept if name != "ball"]
    generator = np.random.default_rng(7)
    for _ in range(20):
        x = np.array(
            [generator.uniform(v.lb if v.lb is not None else -3, v.ub if v.ub is not None else 3) for v in variables]
        )
        for v, value in zip(variables, x, strict=True):
            v.set_value(value, skip_validation=True)
        assert program.objective_at(x) == pytest.approx(pyo.value(model.objective))
        for name, value in zip(kept, row_values(program, x), strict=True):
            constraint = model.find_component(name)
            i = kept.index(name)
            body = pyo.value(constraint.body)
            for ours, theirs in ((program.row_lower[i], constraint.lower), (program.row_upper[i], constraint.upper)):
                if theirs is None:
                    assert np.isinf(ours)
                else:
                    assert value - ours == pytest.approx(body - pyo.value(theirs), abs=1e-9)


@pytest.mark.parametrize("make", MODELS)
def test_bounds_and_kinds_are_those_of_the_model(make: Callable[[], pyo.ConcreteModel], tmp_path: Path) -> None:
    model = make()
    data, columns, _ = written(model, tmp_path)
    program = read_nl(data)
    for j, name in enumerate(columns):
        v = model.find_component(name)
        assert program.lower[j] == (-np.inf if v.lb is None else v.lb)
        assert program.upper[j] == (np.inf if v.ub is None else v.ub)
        assert bool(program.integrality[j]) == (not v.is_continuous())
    assert program.sense == ("max" if model.objective.sense == pyo.maximize else "min")


def test_a_quadratic_model_is_recognised_as_one(tmp_path: Path) -> None:
    program = read_nl(written(quadratic(), tmp_path)[0])
    assert program.Q is not None
    assert len(program.cones) == 1
    assert program.nonlinear is not None
    assert program.nonlinear.objective is None
    assert len(program.nonlinear.rows) == 1
    assert "nonconvex-quadratic" not in program.features


def test_a_linear_model_has_no_nonlinear_part(tmp_path: Path) -> None:
    program = read_nl(written(linear(), tmp_path)[0])
    assert program.features == {"linear", "integer"}
    assert program.offset == 4


def binary(text: bytes) -> bytes:
    """The binary form of a text file without suffixes."""
    lines = text.decode().split("\n")
    out = "\n".join(["b" + lines[0][1:], *lines[1:10]]).encode().replace(b"\n 0 0 0 1", b"\n 0 0 1 1") + b"\n"
    header = out.split(b"\n")
    header[5] = b" 0 0 1 1"
    out = b"\n".join(header)
    sizes = [int(word) for word in lines[1].split("#")[0].split()]
    mode, left = "", 0
    for line in (line.split("#")[0].strip() for line in lines[10:]):
        words = line.split()
        if not words:
            continue
        if left:
            left -= 1
            if mode in "br":
                out += words[0].encode() + b"".join(struct.pack("<d", float(word)) for word in words[1:])
            elif mode == "k":
                out += struct.pack("<i", int(words[0]))
            else:
                out += struct.pack("<id", int(words[0]), float(words[1]))
            continue
        letter, numbers = line[0], [line[1:].split()[0], *words[1:]] if len(line) > 1 else []
        if letter in "0123456789":
            out += struct.pack("<i", int(words[0]))
            continue
        out += letter.encode()
        if letter == "n":
            out += struct.pack("<d", float(numbers[0]))
            continue
        out += b"".join(struct.pack("<i", int(word)) for word in numbers)
        mode = letter
        if letter in "JGV":
            left = int(numbers[1])
        elif letter in "kx":
            left = int(numbers[0])
        elif letter == "b":
            left = sizes[0]
        elif letter == "r":
            left = sizes[1]
    return out


@pytest.mark.parametrize("make", MODELS)
def test_the_binary_form_says_the_same(make: Callable[[], pyo.ConcreteModel], tmp_path: Path) -> None:
    text = written(make(), tmp_path)[0]
    path = tmp_path / "binary.nl"
    path.write_bytes(binary(text))
    program, other = read_nl(text), read_nl(path.read_bytes())
    assert repr(program) == repr(other)
    if make is not everything:  # SCIP does not know all of its functions
        model = Model()
        model.hideOutput()
        model.readProblem(str(path))
        assert model.getNVars() >= program.n
        assert model.getNConss() >= program.m


HEADER = "g3 1 1 0\n 2 1 1 0 0\n 0 0\n 0 0\n 0 0 0\n 0 0 0 1\n 0 0 0 0 0\n 2 2\n 0 0\n 0 0 0 0 0\n"
BODY = "C0\nn0\nO0 0\nn0\nr\n1 5\nb\n0 0 1\n3\nk1\n1\nJ0 2\n0 1\n1 2\nG0 2\n0 1\n1 1\n"


def test_a_file_made_by_hand_is_read() -> None:
    program = read_nl((HEADER + BODY + "S0 1 name\n0 3\nd1\n0 2.5\nx1\n1 2\n").encode())
    assert (program.A.toarray().tolist(), program.c.tolist()) == ([[1, 2]], [1, 1])
    assert (program.row_upper.tolist(), program.lower.tolist()) == ([5], [0, -np.inf])


MISTAKES = [
    ("J0 2\n0 1\n1 2\n", "J0 2\n0 1\n", "where an integer is needed", 24),
    ("C0\nn0", "C3\nn0", "index 3 is out of range", 11),
    ("C0\nn0", "C0\no99", "operator o99", 12),
    ("C0\nn0", "C0\nv7", "variable 7 is not defined", 12),
    ("C0\nn0", "C0\nq", "does not begin an expression", 12),
    ("C0\nn0", "C0\nf0 1", "user-defined functions", 12),
    ("1 5\nb", "5 1 2\nb", "complementarity", 16),
    ("1 5\nb", "1 abc\nb", "where a number is needed", 16),
    ("1 1\n", "1 1\nL0\nn0\n", "logical constraints", 28),
    ("O0 0\nn0\n", "O0 0\no0\nn1\n", "does not begin an expression", 16),
]


@pytest.mark.parametrize(("old", "new", "words", "line"), MISTAKES)
def test_a_mistake_is_refused_with_its_line(old: str, new: str, words: str, line: int) -> None:
    text = HEADER + BODY
    assert old in text
    with pytest.raises(MalformedFile) as caught:
        read_nl(text.replace(old, new, 1).encode())
    assert words in str(caught.value)
    assert caught.value.pointer == f"line {line}"


@pytest.mark.parametrize("size", [5, 60, 90, 110, 120, 130, 136])
def test_truncated_files_are_refused(size: int) -> None:
    with pytest.raises(MalformedFile):
        read_nl((HEADER + BODY).encode()[:size])


@pytest.mark.parametrize("position", [0, 1, 2, 3, 4, 5])
def test_absurd_sizes_are_refused_before_memory_is_taken(position: int) -> None:
    sizes = [2, 1, 1, 0, 0, 0]
    sizes[position] = 10**12
    header = HEADER.replace(" 2 1 1 0 0", " " + " ".join(map(str, sizes)))
    with pytest.raises(MalformedFile):
        read_nl((header + BODY).encode())


def test_heavily_shared_expressions_are_refused_not_written_out() -> None:
    text = HEADER + "".join(f"V{k + 2} 0 0\no2\nv{k + 1}\nv{k + 1}\n" for k in range(60)) + BODY.replace("n0", "v61", 1)
    with pytest.raises(Exception, match="too large"):
        read_nl(text.encode())

"""Every engine's own answers pass; a fault planted in any part of them is found, and optimality does not survive it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import UnsupportedProblem
from solvers.programs.answer import ProgramAnswer, Solution
from solvers.programs.certificates import certify, settle
from solvers.programs.formats import read
from solvers.programs.problem import Program, SecondOrderCone
from tests.solvers.formats.instances import OWN

ENGINES = registry.names("program")


def linear() -> Program:
    return read((OWN / "afiro.mps.gz").read_bytes(), filename="afiro.mps.gz")


def largest() -> Program:
    """A maximization with a range row, an equation, and a free variable."""
    A = np.array([[1.0, 2.0, 1.0, 0.0], [3.0, -1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    return Program.build(
        c=[3.0, 2.0, -1.0, 0.5],
        A=A,
        row_lower=[1.0, -np.inf, 4.0],
        row_upper=[6.0, 5.0, 4.0],
        lower=[0.0, 0.0, 0.0, -np.inf],
        upper=[4.0, 4.0, 4.0, 3.0],
        sense="max",
        offset=2.5,
    )


def integer() -> Program:
    rng = np.random.default_rng(7)
    A = rng.integers(1, 20, (4, 14)).astype(float)
    return Program.build(
        c=rng.integers(5, 30, 14), A=A, row_upper=np.floor(A.sum(axis=1) / 3), upper=2.0, integrality=1, sense="max"
    )


def quadratic() -> Program:
    rng = np.random.default_rng(3)
    factor = rng.integers(-2, 3, (6, 5)).astype(float)
    A = rng.integers(-3, 4, (3, 5)).astype(float)
    return Program.build(
        c=rng.integers(-5, 6, 5), Q=factor.T @ factor + np.eye(5), A=A, row_lower=A.sum(axis=1) + 1, upper=9.0
    )


def conic() -> Program:
    F = sp.csr_array(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    cone = SecondOrderCone(F, np.array([1.0, -1.0, 0.5]))
    return Program.build(
        c=[-1.0, -2.0], A=np.array([[1.0, 1.0]]), row_upper=[1.5], lower=-np.inf, cones=[cone], sense="min"
    )


def infeasible() -> Program:
    return read((OWN / "galenet.mps.gz").read_bytes(), filename="galenet.mps.gz")


def unbounded() -> Program:
    return Program.build(c=[1.0, 1.0], A=np.array([[1.0, -1.0]]), row_upper=[2.0], lower=[1.0, 0.0], sense="max")


PROGRAMS = {function.__name__: function for function in (linear, largest, integer, quadratic, conic)}


@cache
def solved(engine: str, kind: str) -> tuple[Program, ProgramAnswer] | None:
    """The engine's answer to one of the programs; None if it is not made for it."""
    problem = {**PROGRAMS, "infeasible": infeasible, "unbounded": unbounded}[kind]()
    loaded = registry.load("program", engine)
    if not problem.features <= loaded.spec.solves:
        return None
    options: dict[str, object] = {"log": False}
    if kind == "integer" and "pool" in loaded.spec.capabilities:
        options["pool_size"] = 3
    if kind == "infeasible" and "iis" in loaded.spec.capabilities:
        options["iis"] = True
    try:
        return problem, loaded.solve(problem, options, LocalContext(time_limit=20.0))
    except UnsupportedProblem:
        return None


def optima(engine: str) -> Iterator[tuple[str, Program, ProgramAnswer]]:
    """The engine's answers to all programs with an optimum that it is made for."""
    for kind in PROGRAMS:
        found = solved(engine, kind)
        if found is not None:
            yield kind, *found


def faulty(engine: str, fault: Fault) -> list[tuple[str, Program, ProgramAnswer]]:
    """Those answers, with the fault where there is something to spoil."""
    spoiled = [(kind, problem, fault(problem, answer)) for kind, problem, answer in optima(engine)]
    wrong = [(kind, problem, answer) for kind, problem, answer in spoiled if answer is not None]
    if not wrong:
        pytest.skip("this engine's answers have no such part")
    return wrong


def answer_to(engine: str, kind: str) -> tuple[Program, ProgramAnswer]:
    found = solved(engine, kind)
    if found is None:
        pytest.skip(f"{engine} does not solve {kind} programs")
    return found


Fault = Callable[[Program, ProgramAnswer], ProgramAnswer | None]


def off_by(array: np.ndarray | None, amount: float) -> np.ndarray | None:
    if array is None or not array.size:
        return None
    moved = array.copy()
    place = int(np.abs(moved).argmax())
    moved[place] += amount * max(1.0, abs(moved[place]))
    return moved


def better(problem: Program) -> float:
    return -1.0 if problem.sense == "min" else 1.0


def moved_point(problem: Program, answer: ProgramAnswer) -> ProgramAnswer:
    x = off_by(answer.x, 0.05)
    value = float(problem.objective_at(x))
    return replace(answer, x=x, objective=value, bound=value, row_activity=None, row_duals=None, reduced_costs=None)


def wrong_duals(problem: Program, answer: ProgramAnswer) -> ProgramAnswer | None:
    y = answer.row_duals
    if y is None or not y.any():
        return None
    return replace(answer, row_duals=1.5 * y, reduced_costs=None)


def wrong_sign(problem: Program, answer: ProgramAnswer) -> ProgramAnswer | None:
    if answer.row_duals is None or np.abs(answer.row_duals).max(initial=0.0) < 1e-3:
        return None
    return replace(answer, row_duals=-answer.row_duals, reduced_costs=None)


def wrong_pool(problem: Program, answer: ProgramAnswer) -> ProgramAnswer | None:
    if not answer.pool:
        return None
    first = answer.pool[0]
    return replace(answer, pool=(Solution(first.objective + 1.0, first.x), *answer.pool[1:]))


FAULTS: dict[str, Fault] = {
    "objective": lambda p, a: replace(a, objective=a.objective + better(p) * 1e-4 * max(1.0, abs(a.objective))),
    "bound too good": lambda p, a: replace(a, bound=a.objective - better(p) * 0.01 * max(1.0, abs(a.objective))),
    "no point": lambda p, a: replace(a, x=None),
    "point of another size": lambda p, a: replace(a, x=a.x[:-1]),
    "not a number": lambda p, a: replace(a, x=np.where(np.arange(a.x.size) == 0, np.nan, a.x)),
    "duals": wrong_duals,
    "signs of duals": wrong_sign,
    "reduced costs": lambda p, a: (
        None if a.reduced_costs is None else replace(a, reduced_costs=off_by(a.reduced_costs, 0.1))
    ),
    "activity": lambda p, a: None if a.row_activity is None else replace(a, row_activity=off_by(a.row_activity, 0.01)),
    "cone duals": lambda p, a: (
        None if not a.cone_duals else replace(a, cone_duals=tuple(-s for s in a.cone_duals), reduced_costs=None)
    ),
}
#: Parts whose fault does not touch the claim of optimality.
PARTS: dict[str, Fault] = {
    "pool": wrong_pool,
    "basis": lambda p, a: None if a.basis is None else replace(a, basis=replace(a.basis, rows=1 - (a.basis.rows == 1))),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_engines_own_optima_pass(engine):
    answers = list(optima(engine))
    assert answers
    for kind, problem, answer in answers:
        assert answer.status == "optimal", (kind, answer.message)
        certificate = certify(problem, answer)
        assert not certificate.failures, kind
        assert settle(answer, certificate) is answer
        assert certificate.proved or answer.row_duals is None, (kind, certificate.rests_on_engine)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_no_planted_fault_leaves_an_answer_optimal(engine, fault):
    for kind, problem, wrong in faulty(engine, FAULTS[fault]):
        certificate = certify(problem, wrong)
        assert not certificate.verified, kind
        assert settle(wrong, certificate).status != "optimal", kind


@pytest.mark.parametrize("engine", ENGINES)
def test_a_point_that_was_moved_is_infeasible_or_worse_and_never_proved(engine):
    for kind, problem, answer in optima(engine):
        wrong = moved_point(problem, answer)
        certificate = certify(problem, wrong)
        assert not certificate.proved, kind
        if certificate.verified:  # feasible, and without multipliers only the engine's word is left for its optimality
            assert {"gap", "dual-bound"} & set(certificate.rests_on_engine)
            assert (answer.objective - wrong.objective) * better(problem) > 0


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_fault_in_an_extra_part_is_found_and_the_part_dropped(engine, part):
    for kind, problem, wrong in faulty(engine, PARTS[part]):
        certificate = certify(problem, wrong)
        assert {check.name for check in certificate.failures} == {part}, kind
        assert not getattr(settle(wrong, certificate), part)


def ray_faults(ray: np.ndarray) -> Iterator[np.ndarray]:
    yield -ray
    yield np.zeros(ray.size)
    yield ray[:-1]
    yield np.full(ray.size, np.nan)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_infeasible_program_and_its_ray(engine):
    problem, answer = answer_to(engine, "infeasible")
    assert answer.status == "infeasible", answer.message
    assert not certify(problem, answer).failures
    if answer.dual_ray is None:
        return
    assert certify(problem, answer).proved
    for ray in ray_faults(answer.dual_ray):
        wrong = replace(answer, dual_ray=ray)
        certificate = certify(problem, wrong)
        assert "farkas-ray" in {check.name for check in certificate.failures}
        assert settle(wrong, certificate).dual_ray is None


@pytest.mark.parametrize("engine", ENGINES)
def test_an_infeasible_subsystem_with_a_member_too_many_or_too_few(engine):
    problem, answer = answer_to(engine, "infeasible")
    if answer.iis is None:
        pytest.skip("the engine finds no infeasible subsystems")
    iis = answer.iis
    listed = set(iis.rows)
    spare = next(
        (i, "lower" if np.isfinite(problem.row_lower[i]) else "upper")
        for i in range(problem.m)
        if not any(i == row for row, _ in listed)
    )
    for rows in ((*iis.rows, spare), iis.rows[1:]):
        wrong = replace(answer, iis=replace(iis, rows=rows))
        assert {check.name for check in certify(problem, wrong).failures} & {"iis", "iis-irreducible"}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unbounded_program_and_its_ray(engine):
    problem, answer = answer_to(engine, "unbounded")
    assert answer.status in ("unbounded", "infeasible-or-unbounded"), answer.message
    assert not certify(problem, answer).failures
    if answer.primal_ray is None:
        return
    for ray in ray_faults(answer.primal_ray):
        wrong = replace(answer, primal_ray=ray)
        certificate = certify(problem, wrong)
        assert "unbounded-ray" in {check.name for check in certificate.failures}
        assert settle(wrong, certificate).status not in ("unbounded", "infeasible-or-unbounded")

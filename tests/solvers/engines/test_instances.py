"""Engines on real instances: the known answer, with a certificate."""

from __future__ import annotations

from typing import Any

import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import UnsupportedProblem
from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify
from solvers.programs.problem import Program
from tests.solvers.engines.data import COMPLETE, OWN, Instance, instances

#: Seconds of HiGHS up to which a mixed-integer instance belongs to the default run, and bytes for the others.
QUICK, SMALL, SMALL_QUADRATIC = 0.15, 60_000, 30_000

INTEGER = instances("milp")
QUICK_INTEGER = [one for one in INTEGER if COMPLETE and (one.seconds or 9.0) <= QUICK and ".mps" in one.path.suffixes]


def by_size(kind: str, largest: int) -> list[Any]:
    """Instances of the kind; those with larger files are slow."""
    return [
        pytest.param(one, id=one.name, marks=[pytest.mark.slow] if one.path.stat().st_size > largest else [])
        for one in instances(kind)
    ]


LINEAR, INFEASIBLE = by_size("lp/netlib", SMALL), by_size("lp/infeasible", SMALL)
QUADRATIC = by_size("qp", SMALL_QUADRATIC)
if not COMPLETE:
    QUICK_INTEGER = [one for one in INTEGER if one.name in ("bell5", "egout", "flugpl", "gt2", "lseu", "rgn")]
#: Linear programs that first-order and interior-point methods solve in the default run.
FEW = ("afiro", "adlittle", "sc105", "share2b", "stair", "israel", "sc50b")
FEW_LINEAR = [one for one in instances("lp/netlib") if one.name in FEW]


def named(instance: Instance) -> str:
    return instance.name


def solve(engine: str, instance: Instance, **options: Any) -> tuple[Program, ProgramAnswer]:
    problem = instance.program()
    return problem, registry.load("program", engine).solve(problem, options, LocalContext())


def check(instance: Instance, problem: Program, answer: ProgramAnswer, *, proved: bool, gap: float = 0.0) -> None:
    assert answer.status == instance.status, (answer.limit, answer.message)
    if instance.optimum is not None:
        assert answer.objective is not None
        allowed = max(instance.tolerance, gap) * max(1.0, abs(instance.optimum))
        assert abs(answer.objective - instance.optimum) <= allowed
    certificate = certify(problem, answer)
    assert not certificate.failures
    if proved:
        assert certificate.proved, certificate.rests_on_engine


@pytest.mark.skipif(COMPLETE, reason="the collection of instances is there")
def test_the_collection_is_missing() -> None:
    pytest.skip(f"no collection of instances (KANTOR_TEST_DATA): these tests run on the repository's own, {OWN.name}")


@pytest.mark.parametrize("instance", LINEAR)
def test_highs_solves_linear_programs_to_proved_optima(instance: Instance) -> None:
    check(instance, *solve("highs", instance), proved=True)


@pytest.mark.parametrize("instance", INFEASIBLE)
def test_highs_proves_infeasibility_by_a_ray(instance: Instance) -> None:
    problem, answer = solve("highs", instance)
    assert answer.dual_ray is not None
    check(instance, problem, answer, proved=True)


@pytest.mark.parametrize("name", ["galenet", "klein2", "box1"])
def test_highs_finds_an_irreducible_reason(name: str) -> None:
    found = [one for one in instances("lp/infeasible") if one.name == name]
    if not found:
        pytest.skip(f"{name} is not among the instances")
    instance = found[0]
    problem, answer = solve("highs", instance, iis=True, time_limit=20.0)
    assert answer.iis is not None
    assert answer.iis.irreducible
    check(instance, problem, answer, proved=False)


@pytest.mark.parametrize("method", ["primal-simplex", "ipm"])
@pytest.mark.parametrize("instance", FEW_LINEAR, ids=named)
def test_highs_gives_the_same_answer_by_other_methods(instance: Instance, method: str) -> None:
    check(instance, *solve("highs", instance, method=method), proved=True)


@pytest.mark.parametrize("engine", ["clarabel", "scip", "pdlp"])
@pytest.mark.parametrize("instance", FEW_LINEAR, ids=named)
def test_other_engines_solve_linear_programs_to_proved_optima(instance: Instance, engine: str) -> None:
    if engine == "pdlp" and instance.name in ("stair", "israel"):
        pytest.skip("takes a first-order method long")
    check(instance, *solve(engine, instance), proved=engine != "scip")


@pytest.mark.parametrize("instance", QUADRATIC)
def test_clarabel_solves_quadratic_programs_to_proved_optima(instance: Instance) -> None:
    check(instance, *solve("clarabel", instance), proved=True)


@pytest.mark.parametrize("engine", ["highs", "scip"])
@pytest.mark.parametrize("instance", QUICK_INTEGER, ids=named)
def test_mixed_integer_programs_are_solved(instance: Instance, engine: str) -> None:
    problem, answer = _integer(engine, instance, 60.0)
    check(instance, problem, answer, proved=False, gap=1e-4)


def test_cp_sat_solves_a_pure_integer_instance() -> None:
    chosen = [one for one in INTEGER if one.name in ("lseu", "air03")]
    for instance in chosen[:1] if chosen[0].name == "lseu" else chosen[-1:]:
        problem, answer = _integer("cp-sat", instance, 30.0)
        assert answer.status in ("optimal", "feasible")
        assert not certify(problem, answer).failures


def _integer(engine: str, instance: Instance, seconds: float) -> tuple[Program, ProgramAnswer]:
    try:
        return solve(engine, instance, time_limit=seconds)
    except UnsupportedProblem as refusal:
        pytest.skip(f"{engine} refuses it: {refusal}")


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "seconds"), [("highs", 4.0), ("scip", 2.0), ("cp-sat", 2.0)])
@pytest.mark.parametrize("instance", INTEGER, ids=named)
def test_every_mixed_integer_instance_gets_a_true_answer(instance: Instance, engine: str, seconds: float) -> None:
    """Solved, or honest about it: a point no better than the known optimum, a bound on the right side of it."""
    problem, answer = _integer(engine, instance, seconds)
    assert answer.status in (instance.status, "feasible", "no-solution")
    assert not certify(problem, answer).failures
    if instance.optimum is None:
        return
    sign = 1.0 if problem.sense == "min" else -1.0
    slack = 1e-4 * max(1.0, abs(instance.optimum))
    if answer.objective is not None:
        assert sign * answer.objective >= sign * instance.optimum - slack
    if answer.bound is not None:
        assert sign * answer.bound <= sign * instance.optimum + slack
    if answer.status == "optimal":
        assert answer.objective is not None
        assert abs(answer.objective - instance.optimum) <= slack


@pytest.mark.slow
@pytest.mark.parametrize("instance", LINEAR + INFEASIBLE)
def test_clarabel_on_every_linear_program_is_right_or_says_imprecise(instance: Instance) -> None:
    if instance.name == "cplex2":
        pytest.skip("infeasible by 1e-9 only: within every tolerance there is a point")
    problem, answer = solve("clarabel", instance, time_limit=60.0)
    assert answer.status in (instance.status, "imprecise")
    if answer.status == "optimal":
        assert not certify(problem, answer).failures


@pytest.mark.slow
@pytest.mark.parametrize("instance", LINEAR)
def test_pdlp_on_every_linear_program_is_right_or_says_that_it_is_not_done(instance: Instance) -> None:
    problem, answer = solve("pdlp", instance, time_limit=3.0)
    assert answer.status in ("optimal", "feasible", "imprecise", "no-solution")
    if answer.status == "optimal":
        check(instance, problem, answer, proved=False, gap=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("instance", QUADRATIC)
def test_highs_on_quadratic_programs_never_calls_a_wrong_answer_optimal(instance: Instance) -> None:
    problem, answer = solve("highs", instance, time_limit=3.0)
    if answer.status == "optimal":
        check(instance, problem, answer, proved=False, gap=1e-5)

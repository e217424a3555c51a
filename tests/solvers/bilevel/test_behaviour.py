"""How every engine behaves while it works."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from solvers.bilevel.problem import Bilevel, Level, Structure
from solvers.bilevel.select import choose
from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidOption, InvalidProblem, UnsupportedProblem
from solvers.testing.contexts import Failing, Stopping
from tests.solvers.bilevel.problems import bard, linear, lv_hba_toy, pbgd_toy, quadratic, solve

ENGINES = registry.names("bilevel")
GRADIENT = [name for name in ENGINES if name not in ("exact", "value-function", "global")]


def endless() -> Bilevel:
    """Rosenbrock's valley in the lower variables, of many dimensions: nothing is soon at its end."""

    def upper(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (100.0 * (y[1:] - y[:-1] ** 2) ** 2 + (1.0 - y[:-1]) ** 2).sum() + 1e-6 * x @ x

    def lower(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return ((y - x) ** 2).sum() + 0.01 * (y**4).sum()

    return Bilevel(Level.build(upper, np.full(200, -1.2)), Level.build(lower, np.zeros(200)))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_specification_is_well_formed(engine: str) -> None:
    spec = registry.load("bilevel", engine).spec
    assert (spec.id, spec.family, spec.process_group) == (engine, "bilevel", "torch")
    assert all(option.description for option in spec.options)
    assert spec.citation.startswith("https://")


@pytest.mark.parametrize("engine", GRADIENT)
def test_a_stop_is_obeyed_soon_and_keeps_a_point_and_progress_shows_both_levels(engine: str) -> None:
    context = Stopping(after=0.4)
    answer = solve(engine, endless(), context)
    assert context.told_at is not None
    assert time.monotonic() - context.told_at < 3.0
    assert answer.limit == "cancelled"
    assert answer.x is not None
    assert any({"objective", "lower_residual", "phase"} <= set(report) for report in context.reports)


@pytest.mark.parametrize("engine", ["implicit", "penalty", "soba"])
def test_the_time_limit_ends_the_solve(engine: str) -> None:
    began = time.monotonic()
    answer = solve(engine, endless(), time_limit=0.3)
    assert time.monotonic() - began < 3.5
    assert answer.limit == "time"


@pytest.mark.parametrize("engine", GRADIENT)
def test_the_same_seed_gives_the_same_answer(engine: str) -> None:
    problem, _ = quadratic(2, 2)
    first, second = (solve(engine, problem, iteration_limit=12, starts=3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y, second.y)
    assert [optimum.objective for optimum in first.optima] == [optimum.objective for optimum in second.optima]


def test_a_cold_restart_begins_the_lower_level_anew() -> None:
    problem, best = quadratic(2, 2)
    answer = solve("implicit", problem, restart="cold")
    assert answer.restart == "cold"
    assert answer.x == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_options_are_checked(engine: str) -> None:
    problem = bard() if engine in ("exact", "value-function") else quadratic(2, 2)[0]
    with pytest.raises(InvalidOption, match="starrts") as refusal:
        solve(engine, problem, starrts=2)
    assert "starts" in refusal.value.hint
    with pytest.raises(InvalidOption):
        solve(engine, problem, start=(np.zeros(9), np.zeros(2)))


def test_an_error_of_the_context_comes_out() -> None:
    with pytest.raises(RuntimeError, match="the context is broken"):
        solve("implicit", quadratic(2, 2)[0], Failing())


def test_a_start_without_a_finite_value_is_refused() -> None:
    problem = Bilevel(
        Level.build(lambda x, y: (x.log() + y).sum(), [-1.0]), Level.build(lambda x, y: ((y - x) ** 2).sum(), [0.0])
    )
    with pytest.raises(InvalidProblem, match="no finite value at the starting point"):
        solve("penalty", problem)
    with pytest.raises(InvalidProblem, match=r"start\[0\] is nan"):
        Level.build(lambda x, y: x.sum(), [np.nan])


def test_incumbents_are_points_of_both_levels() -> None:
    context = LocalContext()
    problem, _ = quadratic(2, 3)
    answer = solve("implicit", problem, context)
    value, z = context.incumbents[-1]
    assert value == answer.objective
    assert z == pytest.approx(np.concatenate([answer.x, answer.y]))


def test_auto_chooses_by_structure_and_says_why() -> None:
    offered = [registry.load("bilevel", name).spec for name in ENGINES]

    def chosen(problem: Bilevel, **options: object) -> tuple[str, str]:
        return choose(problem, options, offered)

    assert chosen(bard())[0] == "exact"
    assert "globally" in chosen(lv_hba_toy(3))[1]
    assert chosen(quadratic()[0])[0] == "implicit"
    assert chosen(pbgd_toy())[0] == "penalty"
    assert chosen(quadratic()[0], starts=8)[0] == "penalty"
    assert chosen(linear(0, integer=True), starts=4)[0] == "exact", "no other engine takes integers"
    whole = Bilevel(
        Level.build(lambda x, y: x.exp().sum(), [0.0], integrality=True),
        Level.build(lambda x, y: ((y - x) ** 2).sum(), [0.0]),
        Structure(),
    )
    with pytest.raises(UnsupportedProblem) as refusal:
        chosen(whole)
    assert "exact" in refusal.value.hint

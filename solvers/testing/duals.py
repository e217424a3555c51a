"""Duals by their meaning: the rate at which the optimal objective changes with a side. Bases, ranges, warm starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidOption
from solvers.programs.answer import BASIC, ProgramAnswer
from solvers.programs.problem import Program
from solvers.programs.start import Start
from solvers.testing.base import Base, assert_certified, assert_near


def production(sense: str) -> Program:
    """A program with one nondegenerate optimal vertex, at an upper and a lower side, an equation, and both bounds."""
    turn = 1.0 if sense == "max" else -1.0
    return Program.build(
        c=turn * np.array([1.0, 6.0, 3.0, 5.0, 2.0]),
        A=[
            [0.0, 3.0, 0.0, 0.0, 4.0],
            [-1.0, -1.0, 2.0, 2.0, -2.0],
            [-2.0, 0.0, 3.0, 0.0, 3.0],
            [0.0, -1.0, 3.0, 4.0, -2.0],
        ],
        row_lower=[-np.inf, -np.inf, 4.0, 5.0],
        row_upper=[18.0, 16.0, np.inf, 5.0],
        upper=[10.0, 10.0, 1.5, 10.0, 10.0],
        sense=sense,
        offset=2.0,
    )


def quadratic(sense: str) -> Program:
    """A quadratic program, strictly convex for min and concave for max."""
    turn = 1.0 if sense == "min" else -1.0
    return Program.build(
        c=turn * np.array([-8.0, -6.0]),
        Q=turn * np.array([[4.0, 0.0], [0.0, 2.0]]),
        A=[[1.0, 1.0], [1.0, -1.0]],
        row_lower=[-np.inf, 1.0],
        row_upper=[3.0, np.inf],
        sense=sense,
    )


_PROGRAMS = {
    "linear, min": production("min"),
    "linear, max": production("max"),
    "quadratic, min": quadratic("min"),
    "quadratic, max": quadratic("max"),
}

#: A change of a side; the objective's change by it is compared with the dual.
_STEP = 1e-3


class DualsConformance(Base):
    """What an engine says about the neighbourhood of its answer."""

    @pytest.mark.parametrize("name", list(_PROGRAMS))
    def test_row_duals_are_the_rates_of_change_of_the_objective(self, name: str) -> None:
        program = _PROGRAMS[name]
        answer = self._with_duals(program)
        assert answer.row_duals is not None
        assert np.abs(answer.row_duals).max() > 0.1
        for i in range(program.m):
            for side in ("row_lower", "row_upper"):
                self._compare(program, side, i, float(answer.row_duals[i]))

    @pytest.mark.parametrize("name", list(_PROGRAMS))
    def test_reduced_costs_are_what_the_duals_leave_of_the_costs(self, name: str) -> None:
        program = _PROGRAMS[name]
        answer = self._with_duals(program)
        assert answer.row_duals is not None
        assert answer.x is not None
        assert answer.reduced_costs is not None
        gradient = program.c if program.Q is None else program.c + program.Q @ answer.x
        np.testing.assert_allclose(answer.reduced_costs, gradient - program.A.T @ answer.row_duals, atol=1e-6)

    def test_reduced_costs_are_the_rates_of_change_by_bounds(self) -> None:
        program = production("max")
        answer = self._with_duals(program)
        assert answer.reduced_costs is not None
        assert answer.x is not None
        for j in range(program.n):
            at_bound = min(abs(answer.x[j] - program.lower[j]), abs(answer.x[j] - program.upper[j])) < 1e-6
            rate = float(answer.reduced_costs[j])
            if at_bound:
                side = "lower" if abs(answer.x[j] - program.lower[j]) < 1e-6 else "upper"
                self._compare(program, side, j, rate)
            else:
                assert abs(rate) < 1e-5

    def test_discrete_programs_have_no_duals(self) -> None:
        program = self.easy()
        if not program.discrete:
            pytest.skip("no discrete programs")
        answer = self.run(program)
        assert answer.row_duals is None
        assert answer.reduced_costs is None
        assert answer.basis is None

    def test_the_basis_has_one_basic_entry_for_each_row_and_is_worth_nothing_less_on_return(self) -> None:
        self.needs("basis", "warm-start")
        program = production("max")
        answer = self.run(program)
        assert answer.basis is not None
        assert (answer.basis.variables == BASIC).sum() + (answer.basis.rows == BASIC).sum() == program.m
        again = self.run(program, {"start": Start(basis=answer.basis)})
        assert_near(again.objective, float(answer.objective or 0.0))
        assert again.statistics.get("iterations") == 0

    @pytest.mark.parametrize("sense", ["min", "max"])
    def test_within_the_ranges_the_vertex_stays_and_beyond_it_moves(self, sense: str) -> None:
        self.needs("ranging")
        program = production(sense)
        answer = self.run(program, {"ranging": True})
        assert answer.ranging is not None
        assert answer.x is not None
        for j in range(program.n):
            for limit in (answer.ranging.cost_down[j], answer.ranging.cost_up[j]):
                if not np.isfinite(limit) or abs(limit - program.c[j]) < 1e-6:
                    continue
                inside = self._with_cost(program, j, program.c[j] + 0.9 * (limit - program.c[j]))
                np.testing.assert_allclose(inside, answer.x, atol=1e-6)
                outside = self._with_cost(program, j, program.c[j] + 1.1 * (limit - program.c[j]))
                assert np.abs(outside - answer.x).max() > 1e-6
        assert_certified(program, answer)

    def test_a_point_is_taken_as_a_start(self) -> None:
        self.needs("warm-start")
        program = self.easy()
        for x in (np.array([3.0, 2.0]), np.array([np.nan, 2.0]), np.array([50.0, -7.0])):
            answer = self.run(program, {"start": Start(x=x)})
            assert answer.status == "optimal"
            assert_near(answer.objective, -11.0)

    def test_a_start_that_does_not_fit_is_refused(self) -> None:
        for start in (
            Start(x=np.zeros(3)),
            Start(row_duals=np.zeros(7)),
            Start(x=np.array([np.inf, 0.0])),
            "yesterday's",
        ):
            with pytest.raises(InvalidOption):
                self.engine.solve(self.easy(), {"start": start}, LocalContext())

    def _with_duals(self, program: Program) -> ProgramAnswer:
        self.needs("duals")
        self.accepts(program)
        answer = self.run(program)
        assert answer.status == "optimal"
        if program.Q is not None and answer.row_duals is None:
            pytest.skip("no duals of quadratic programs")
        assert_certified(program, answer)
        return answer

    def _compare(self, program: Program, side: str, index: int, rate: float) -> None:
        """Compare with the central difference of the optimal objective by one side (or both of an equation)."""
        here = getattr(program, side)[index]
        if not np.isfinite(here):
            return
        values = []
        for step in (-_STEP, _STEP):
            changes = {side: _moved(getattr(program, side), index, step)}
            if side.startswith("row") and program.row_lower[index] == program.row_upper[index]:
                changes = {both: _moved(getattr(program, both), index, step) for both in ("row_lower", "row_upper")}
            moved = self.run(replace(program, **changes))  # type: ignore[arg-type]
            assert moved.objective is not None
            values.append(moved.objective)
        slope = (values[1] - values[0]) / (2 * _STEP)
        active = abs(slope) > 1e-4
        if active:
            assert abs(slope - rate) <= 5e-3 * max(1.0, abs(slope)), (side, index, slope, rate)

    def _with_cost(self, program: Program, j: int, cost: float) -> np.ndarray:
        answer = self.run(replace(program, c=_moved(program.c, j, cost - program.c[j])))
        assert answer.x is not None
        return answer.x


def _moved(array: np.ndarray, index: int, step: float) -> np.ndarray:
    changed = array.copy()
    changed[index] += step
    return changed

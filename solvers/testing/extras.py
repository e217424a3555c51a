"""What only some engines claim: pools, limits of the search, and the analysis of infeasible programs."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.programs.problem import Program
from solvers.programs.start import Start
from solvers.testing.base import Base, assert_certified, assert_near
from solvers.testing.cases import market_split


def knapsack() -> Program:
    """Many feasible points; optimum 56."""
    return Program.build(
        c=[10.0, 13.0, 7.0, 8.0, 12.0, 4.0, 9.0],
        A=[[3.0, 4.0, 2.0, 3.0, 4.0, 1.0, 3.0]],
        row_upper=15.0,
        upper=1.0,
        integrality=1,
        sense="max",
    )


class ExtrasConformance(Base):
    """Pools, limits, subsystems, relaxations."""

    def test_the_pool_holds_different_feasible_points_best_first(self) -> None:
        self.needs("pool")
        program = knapsack()
        answer = self.run(program, {"pool_size": 4})
        assert answer.status == "optimal"
        points = [answer.x, *(solution.x for solution in answer.pool)]
        assert len(points) <= 4
        assert len({tuple(np.round(x, 6)) for x in points if x is not None}) == len(points)
        objectives = [answer.objective, *(solution.objective for solution in answer.pool)]
        assert objectives == sorted(objectives, key=lambda value: -(value or 0.0))
        assert_certified(program, answer)

    def test_without_asking_there_is_no_pool(self) -> None:
        program = knapsack()
        self.accepts(program)
        assert self.run(program).pool == ()

    def test_a_solution_limit_ends_the_search_with_a_point(self) -> None:
        program = market_split(columns=30)[0]
        self.accepts(program)
        answer = self.run(program, {"solution_limit": 1, "time_limit": 10.0})
        assert answer.limit == "solutions"
        assert answer.status == "feasible"
        assert_certified(program, answer)

    def test_an_objective_limit_ends_the_search_when_it_is_reached(self) -> None:
        program = market_split(columns=30)[0]
        self.accepts(program)
        answer = self.run(program, {"objective_limit": 1000.0, "time_limit": 10.0})
        assert answer.limit == "objective"
        assert answer.objective is not None
        assert answer.objective <= 1000.0

    def test_a_node_limit_is_obeyed_where_nodes_are_counted(self) -> None:
        program = market_split()[0]
        self.accepts(program)
        answer = self.run(program, {"node_limit": 50, "time_limit": 1.0})
        if answer.limit == "nodes":
            assert answer.statistics["nodes"] <= 100
        else:
            assert answer.limit == "time"

    def test_a_good_start_is_not_lost(self) -> None:
        self.needs("warm-start")
        program, best = market_split(seed=9)
        self.accepts(program)
        answer = self.run(program, {"start": Start(x=best), "time_limit": 5.0})
        assert_near(answer.objective, 0.0)

    def test_a_part_of_a_good_start_is_completed(self) -> None:
        self.needs("warm-start")
        program, best = market_split(seed=9)
        self.accepts(program)
        partial = best.copy()
        partial[40:] = np.nan
        answer = self.run(program, {"start": Start(x=partial), "time_limit": 5.0})
        assert_near(answer.objective, 0.0)

    @pytest.mark.parametrize("kind", ["linear", "integer", "relaxation"])
    def test_an_irreducible_subsystem_is_infeasible_and_every_part_of_it_needed(self, kind: str) -> None:
        self.needs("iis")
        program = {
            "linear": Program.build(
                c=[1.0, 1.0, 1.0],
                A=[[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 1.0]],
                row_lower=[-np.inf, -np.inf, -np.inf, 4.0],
                row_upper=[2.0, 2.0, 2.0, 9.0],
                upper=9.0,
            ),
            "integer": Program.build(
                c=[1.0, 1.0, 1.0],
                A=[[2.0, 2.0, 0.0], [0.0, 1.0, 1.0]],
                row_lower=[5.0, 1.0],
                row_upper=[5.0, 4.0],
                upper=9.0,
                integrality=1,
            ),
            "relaxation": Program.build(
                c=[1.0, 1.0], A=[[1.0, 1.0], [1.0, -1.0]], row_lower=[30.0, 0.0], upper=9.0, integrality=1
            ),
        }[kind]
        self.accepts(program)
        answer = self.run(program, {"iis": True})
        assert answer.status == "infeasible"
        assert answer.iis is not None
        assert answer.iis.irreducible
        if kind == "linear":
            assert {row for row, _ in answer.iis.rows} == {0, 1, 2, 3}
        if kind == "integer":
            assert set(answer.iis.integrality) == {0, 1}
            assert {row for row, _ in answer.iis.rows} == {0}
        assert_certified(program, answer)

    def test_the_cheapest_relaxation_makes_the_program_feasible(self) -> None:
        self.needs("relaxation")
        program = Program.build(
            c=[1.0, 1.0], A=[[1.0, 1.0], [1.0, -1.0]], row_lower=[3.0, -np.inf], row_upper=[np.inf, 0.0], upper=1.0
        )
        answer = self.run(program, {"relax": True})
        assert answer.relaxation is not None
        assert_near(answer.relaxation.violation, 1.0)
        lower, upper = program.row_lower.copy(), program.row_upper.copy()
        low, high = program.lower.copy(), program.upper.copy()
        for sides, below, above in ((answer.relaxation.rows, lower, upper), (answer.relaxation.bounds, low, high)):
            for index, amount in sides.items():
                (below if amount < 0 else above)[index] += amount * (1 + 1e-9)
        wider = Program.build(c=program.c, A=program.A, row_lower=lower, row_upper=upper, lower=low, upper=high)
        assert self.run(wider).status == "optimal"
        assert_certified(program, answer)

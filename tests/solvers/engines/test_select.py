"""Which engine is chosen, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.programs.answer import Basis
from solvers.programs.problem import Program
from solvers.programs.select import choose, describe, race_candidates
from solvers.programs.start import Start
from solvers.testing.cases import Case, infeasible, solvable

OFFERED = [registry.load("program", name).spec for name in registry.names("program")]
CASES = {case.name: case.program for case in solvable()}


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("linear, max", "highs"),
        ("integer, mixed", "highs"),
        ("semi-continuous, at zero", "highs"),
        ("quadratic, min", "clarabel"),
        ("quadratic, nonconvex", "scip"),
        ("quadratic, integer", "scip"),
        ("cone, max", "clarabel"),
        ("sos1, continuous", "scip"),
        ("indicator of one, integer", "scip"),
        ("nonlinear row", "scip"),
    ],
)
def test_the_structure_decides(name: str, engine: str) -> None:
    chosen, why = choose(CASES[name], {}, OFFERED)
    assert chosen == engine
    assert len(why) > 30


@pytest.mark.parametrize("case", solvable(), ids=lambda case: case.name)
def test_the_chosen_engine_takes_the_program(case: Case) -> None:
    chosen, _ = choose(case.program, {}, OFFERED)
    assert registry.load("program", chosen).spec.accepts(case.program.features)
    assert chosen in race_candidates(case.program, OFFERED) or chosen == "scip"


def test_a_feasibility_problem_in_bounded_integers_goes_to_cp_sat() -> None:
    program = replace(CASES["integer, assignment"], c=np.zeros(16))
    assert choose(program, {}, OFFERED)[0] == "cp-sat"


def test_a_method_or_a_wish_may_decide() -> None:
    linear = CASES["linear, max"]
    assert choose(linear, {"method": "pdlp"}, OFFERED)[0] == "pdlp"
    without_highs = [spec for spec in OFFERED if spec.id != "highs"]
    assert choose(linear, {}, without_highs)[0] == "clarabel"
    clarabel_first = sorted(OFFERED, key=lambda spec: spec.id != "clarabel")
    assert choose(linear, {"ranging": True}, clarabel_first)[0] == "highs"
    basis = Basis(np.zeros(2, dtype=np.int8), np.zeros(2, dtype=np.int8))
    assert choose(linear, {"start": Start(basis=basis), "method": "pdlp"}, OFFERED)[0] == "highs"


def test_semi_continuous_variables_that_highs_would_tighten_go_to_scip() -> None:
    program = Program.build(c=[1.0], lower=5.0, upper=np.inf, integrality=2)
    assert choose(program, {}, OFFERED)[0] == "scip"


def test_the_reason_names_kind_and_size() -> None:
    assert describe(CASES["linear, max"]) == "linear program with 2 rows and 2 variables"
    assert describe(CASES["integer, knapsack"]).startswith("pure integer linear program with 1 row")
    assert "1 of them integer" in describe(CASES["integer, mixed"])


def test_nothing_that_fits_is_an_error_that_names_the_trouble() -> None:
    only = [spec for spec in OFFERED if spec.id == "clarabel"]
    with pytest.raises(UnsupportedProblem, match="special ordered sets") as refusal:
        choose(CASES["sos1, continuous"], {}, only)
    assert "clarabel" in refusal.value.hint


def test_an_engine_of_somebody_else_is_taken_where_it_alone_fits_and_may_race() -> None:
    mine = EngineSpec("mine", "program", "1", "Mine", "Anything", frozenset({"linear", "integer", "sos"}))
    assert choose(CASES["sos1, continuous"], {}, [mine])[0] == "mine"
    assert race_candidates(CASES["linear, max"], [*OFFERED, mine])[-1] == "mine"


def test_racers_are_those_that_may_win() -> None:
    assert race_candidates(CASES["linear, max"], OFFERED) == ("highs", "clarabel", "pdlp")
    assert race_candidates(CASES["integer, knapsack"], OFFERED) == ("highs", "scip", "cp-sat")
    assert race_candidates(CASES["integer, mixed"], OFFERED) == ("highs", "scip")
    assert race_candidates(CASES["cone, max"], OFFERED)[0] == "clarabel"


def test_infeasible_programs_can_be_chosen_for_too() -> None:
    for _, program in infeasible():
        assert choose(program, {"iis": True}, OFFERED)[0] in ("highs", "clarabel", "cp-sat")

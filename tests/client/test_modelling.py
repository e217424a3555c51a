"""Models of other tools: the same answers as the tool's own solver gives, and values back in the model."""

from __future__ import annotations

import warnings
from typing import Any

import cvxpy as cp
import kantor
import linopy
import numpy as np
import pandas as pd
import pulp
import pyomo.environ as pe
import pytest
from ortools.math_opt.python import mathopt
from scipy.optimize import LinearConstraint, milp


def test_scipys_milp_gives_the_same(client: kantor.Client) -> None:
    c = -np.array([0.0, 1.0])
    constraints = LinearConstraint([[-1, 1], [3, 2], [2, 3]], -np.inf, [1, 12, 12])
    expected = milp(c, constraints=constraints, integrality=[1, 1])
    answer = client.solve(kantor.Program.from_milp(c, constraints=constraints, integrality=[1, 1]))
    assert answer.objective == pytest.approx(expected.fun)
    assert answer.primal == pytest.approx(expected.x)


@pytest.mark.parametrize("sense", ["min", "max"])
def test_cvxpy_gets_values_duals_and_status_as_from_its_own_solver(client: kantor.Client, sense: str) -> None:
    x = cp.Variable(3, name="x")
    y = cp.Variable(name="y", nonneg=True)
    cost = cp.sum_squares(x - np.array([1.0, 2.0, 3.0])) + 0.5 * y
    rows = [cp.sum(x) + y == 3, x <= 1.5, cp.norm(x) <= 2, x[0] - x[1] >= -0.25]
    problem = cp.Problem(cp.Minimize(cost) if sense == "min" else cp.Maximize(-cost), rows)
    problem.solve(solver=cp.CLARABEL)
    value, values, duals = problem.value, x.value.copy(), [flat(row.dual_value) for row in rows]
    for variable in (x, y, *(dual for row in rows for dual in row.dual_variables)):
        variable.save_value(None)
    answer = client.solve(kantor.Program.from_cvxpy(problem))
    assert answer.objective == pytest.approx(value, abs=1e-5)
    assert answer[x] == pytest.approx(values, abs=1e-4)
    assert x.value is None
    answer.load_into(problem)
    assert problem.status == "optimal"
    assert problem.value == pytest.approx(value, abs=1e-5)
    assert x.value == pytest.approx(values, abs=1e-4)
    for row, dual in zip(rows, duals, strict=True):
        assert flat(row.dual_value) == pytest.approx(dual, abs=1e-3)


def flat(dual: Any) -> np.ndarray:
    """A multiplier, or the parts of that of a cone, one after the other."""
    return np.concatenate([np.ravel(part) for part in (dual if isinstance(dual, (list, tuple)) else [dual])])


def test_cvxpy_with_integers_matrices_and_an_infeasible_twin(client: kantor.Client) -> None:
    weights, gains = np.array([[3.0, 4.0], [2.0, 5.0]]), np.array([[4.0, 5.0], [3.0, 6.0]])
    pick = cp.Variable((2, 2), name="pick", boolean=True)
    load = cp.sum(cp.multiply(weights, pick)) <= 9
    problem = cp.Problem(cp.Maximize(cp.sum(cp.multiply(gains, pick))), [load])
    answer = client.solve(problem)
    assert answer.objective == pytest.approx(12.0)
    assert (answer[pick] * weights).sum() <= 9
    assert answer["pick[0,1]"] == answer[pick][0, 1]
    twin = cp.Problem(problem.objective, [load, cp.sum(pick) >= 4])
    client.solve(twin).load_into(twin)
    assert twin.status == "infeasible"
    cone = cp.Problem(cp.Minimize(cp.exp(cp.Variable())))
    with pytest.raises(kantor.UnsupportedProblem, match="neither linear nor of second order"):
        kantor.Program.from_cvxpy(cone)


def pyomo_model() -> Any:
    model = pe.ConcreteModel(name="diet")
    model.food = pe.Set(initialize=["bread", "milk"])
    model.buy = pe.Var(model.food, bounds=(0, 10))
    model.cost = pe.Objective(expr=2 * model.buy["bread"] + 3.5 * model.buy["milk"] + 1)
    model.energy = pe.Constraint(expr=4 * model.buy["bread"] + 8 * model.buy["milk"] >= 20)
    model.variety = pe.Constraint(expr=(-2, model.buy["bread"] - model.buy["milk"], 2))
    model.dual = pe.Suffix(direction=pe.Suffix.IMPORT)
    model.rc = pe.Suffix(direction=pe.Suffix.IMPORT)
    return model


def test_pyomo_gets_values_duals_and_reduced_costs(client: kantor.Client) -> None:
    model = pyomo_model()
    answer = client.solve(kantor.Program.from_pyomo(model))
    # milk is the cheaper energy, but there may be at most two bottles more than loaves
    assert answer.objective == pytest.approx(1 + 2 * (1 / 3) + 3.5 * (7 / 3))
    assert answer["buy[milk]"] == answer[model.buy["milk"]] == pytest.approx(7 / 3)
    assert answer[model.buy] == pytest.approx({"bread": 1 / 3, "milk": 7 / 3})
    answer.load_into(model)
    assert pe.value(model.cost) == pytest.approx(answer.objective)
    assert model.dual[model.energy] == pytest.approx(answer.duals_by_name()["energy"])
    assert model.rc[model.buy["milk"]] == pytest.approx(0.0, abs=1e-9)


def test_pyomo_with_a_quadratic_objective_and_fixed_variables(client: kantor.Client) -> None:
    model = pe.ConcreteModel()
    model.x = pe.Var([1, 2, 3])
    model.x[3].fix(2.0)
    model.goal = pe.Objective(
        expr=(model.x[1] - model.x[3]) ** 2 + (model.x[2] - 1) ** 2 + model.x[1] * model.x[2] * 0.5
    )
    model.row = pe.Constraint(expr=model.x[1] + model.x[2] + model.x[3] <= 4)
    answer = client.solve(model)
    assert "x[3]" not in answer.values()
    assert [answer["x[1]"], answer["x[2]"]] == pytest.approx([5 / 3, 1 / 3], abs=1e-4)
    assert answer.objective == pytest.approx(5 / 6, abs=1e-6)


def test_pyomo_nonlinear_models_travel_as_nl(client: kantor.Client) -> None:
    model = pe.ConcreteModel()
    model.x, model.y = pe.Var(bounds=(0, 4)), pe.Var(domain=pe.Integers, bounds=(0, 5))
    model.row = pe.Constraint(expr=pe.exp(model.x) + model.y <= 10)
    model.goal = pe.Objective(expr=model.x + model.y, sense=pe.maximize)
    program = kantor.Program.from_pyomo(model)
    assert repr(program).startswith("Program(model.nl")
    answer = client.solve(program, time_limit=60)
    assert answer.objective == pytest.approx(5 + np.log(5), abs=1e-4)
    assert answer[model.y] == pytest.approx(5, abs=1e-5)
    answer.load_into(model)
    assert pe.value(model.x) == pytest.approx(np.log(5), abs=1e-4)


def test_pyomo_parts_that_no_program_has_are_named() -> None:
    from pyomo.gdp import Disjunction

    model = pe.ConcreteModel()
    model.x = pe.Var(bounds=(0, 4))
    model.either = Disjunction(expr=[[model.x <= 1], [model.x >= 3]])
    model.goal = pe.Objective(expr=model.x)
    with pytest.raises(kantor.UnsupportedProblem, match=r"an active Disj.*TransformationFactory"):
        kantor.Program.from_pyomo(model)


def linopy_model(solver: bool = False) -> Any:
    model = linopy.Model()
    hours = pd.Index([0, 1, 2], name="hour")
    power = model.add_variables(
        lower=0, upper=60, coords=[pd.Index(["coal", "wind"], name="plant"), hours], name="power"
    )
    on = model.add_variables(binary=True, coords=[hours], name="on")
    demand = pd.Series([40.0, 70.0, 30.0], index=hours)
    model.add_constraints(power.sum("plant") == demand, name="balance")
    model.add_constraints(power.sel(plant="wind") <= pd.Series([30.0, 20.0, 10.0], index=hours), name="wind")
    if solver:
        model.add_constraints(power.sel(plant="coal") <= 60 * on, name="commit")
    model.add_objective((power.sel(plant="coal") * 30).sum() + (on * 50).sum())
    return model


@pytest.mark.parametrize("integers", [False, True])
def test_linopy_gets_solution_duals_and_status_as_from_its_own_solver(client: kantor.Client, integers: bool) -> None:
    model, twin = linopy_model(integers), linopy_model(integers)
    if not integers:
        for each in (model, twin):
            each.remove_variables("on")
            each.add_objective((each.variables["power"].sel(plant="coal") * 30).sum(), overwrite=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twin.solve("highs", io_api="direct", output_flag=False)
    answer = client.solve(kantor.Program.from_linopy(model), relative_gap=0.0)
    assert answer.objective == pytest.approx(twin.objective.value)
    assert answer["power[wind,1]"] == pytest.approx(20.0)
    np.testing.assert_allclose(answer[model.variables["power"]], twin.solution["power"], atol=1e-6)
    answer.load_into(model)
    assert (model.status, model.termination_condition) == ("ok", "optimal")
    assert model.objective.value == pytest.approx(twin.objective.value)
    np.testing.assert_allclose(model.solution["power"], twin.solution["power"], atol=1e-6)
    if not integers:
        np.testing.assert_allclose(model.dual["balance"], twin.dual["balance"], atol=1e-6)


def test_linopy_sets_and_masks(client: kantor.Client) -> None:
    model = linopy.Model()
    index = pd.Index(["a", "b", "c"], name="i")
    mask = pd.Series([True, True, False], index=index)
    x = model.add_variables(lower=0, upper=4, coords=[index], name="x")
    y = model.add_variables(lower=0, upper=1, coords=[index], name="y", mask=mask)
    model.add_sos_constraints(x, sos_type=1, sos_dim="i")
    model.add_objective(x.sum() + y.sum(), sense="max")
    answer = client.solve(model)
    assert answer.objective == pytest.approx(6.0)
    assert sorted(answer[x].values.tolist()) == pytest.approx([0.0, 0.0, 4.0])
    assert np.isnan(answer[y].sel(i="c"))


def pulp_problem() -> tuple[Any, Any, Any]:
    problem = pulp.LpProblem("plan", pulp.LpMaximize)
    make = problem.add_variable_dicts("make", ["chair", "table"], lowBound=0, upBound=40)
    shift = problem.add_variable("shift", cat=pulp.LpBinary)
    problem += 10 * make["chair"] + 25 * make["table"] - 100 * shift + 7
    problem += make["chair"] + 3 * make["table"] <= 60 + 30 * shift, "wood"
    problem += make["chair"] >= 5
    return problem, make, shift


def test_pulp_gets_values_and_status(client: kantor.Client) -> None:
    problem, make, shift = pulp_problem()
    answer = client.solve(kantor.Program.from_pulp(problem), relative_gap=0.0)
    best = max((10 * 40 + 25 * (60 + 30 * on - 40) / 3 - 100 * on + 7) for on in (0, 1))
    assert answer.objective == pytest.approx(best)
    assert answer[make["chair"]] == answer["make_chair"] == pytest.approx(40.0)
    answer.load_into(problem)
    assert pulp.LpStatus[problem.status] == "Optimal"
    assert pulp.value(problem.objective) == pytest.approx(best)
    assert shift.varValue in (0, 1)
    assert problem.constraints()[0].slack == pytest.approx(0.0, abs=1e-6)


def test_pulp_gets_duals_of_a_linear_problem_and_the_status_of_an_infeasible_one(client: kantor.Client) -> None:
    problem, make, shift = pulp_problem()
    shift.cat, shift.upBound = pulp.LpContinuous, 0
    answer = client.solve(problem)
    answer.load_into(problem)
    assert problem.constraints()[0].pi == pytest.approx(25 / 3)
    assert make["table"].dj == pytest.approx(0.0)
    problem += make["chair"] <= 1
    client.solve(problem).load_into(problem)
    assert pulp.LpStatus[problem.status] == "Infeasible"


def test_mathopt_models_with_all_their_parts(client: kantor.Client) -> None:
    model = mathopt.Model(name="parts")
    x = model.add_variable(lb=-10, ub=10, name="x")
    y = model.add_variable(lb=-10, ub=10, name="y")
    use = model.add_binary_variable(name="use")
    gone = model.add_variable(name="gone")
    model.delete_variable(gone)
    model.add_linear_constraint(x + y <= 3 - 0.5 * use, name="cap")
    model.add_indicator_constraint(indicator=use, activate_on_zero=True, implied_constraint=x <= 1)
    model.maximize(2 * x + y - use + 4)
    expected = mathopt.solve(model, mathopt.SolverType.GSCIP)
    answer = client.solve(kantor.Program.from_mathopt(model))
    assert answer.objective == pytest.approx(expected.objective_value())
    assert [answer[v] for v in (x, y, use)] == pytest.approx([expected.variable_values(v) for v in (x, y, use)])
    with pytest.raises(KeyError, match="not a variable of this MathOpt model"):
        _ = answer[model]
    with pytest.raises(TypeError, match=r"answer\[x\]"):
        answer.load_into(model)


def test_mathopt_quadratic_objectives_and_cones(client: kantor.Client) -> None:
    model = mathopt.Model()
    x, y = model.add_variable(name="x"), model.add_variable(name="y")
    model.minimize((x - 1) * (x - 1) + y * y + x * y)
    answer = client.solve(model)
    # gradient zero: 2x + y = 2, x + 2y = 0
    assert [answer[x], answer[y]] == pytest.approx([4 / 3, -2 / 3], abs=1e-4)
    model.add_quadratic_constraint(x * x + y * y <= 1)
    with pytest.raises(kantor.UnsupportedProblem, match="quadratic constraints"):
        kantor.Program.from_mathopt(model)


def test_values_of_an_answer_found_later_go_into_the_model_too(client: kantor.Client) -> None:
    model = pyomo_model()
    job = client.submit(model)
    later = client.job(job.id).result()
    later.load_into(model)
    assert pe.value(model.buy["milk"]) == pytest.approx(7 / 3)

"""SCIP's result in our words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.programs.answer import InfeasibleSubsystem, Limit, Solution, Status
from solvers.programs.engines.points import dual_bound, point_at, reduced_costs_of
from solvers.programs.engines.scip_events import Events
from solvers.programs.engines.scip_model import ScipModel, build
from solvers.programs.engines.settings import Settings
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import SEMI_CONTINUOUS, Program

if TYPE_CHECKING:
    from pyscipopt import Model

_LIMITS: dict[str, Limit] = {
    "timelimit": "time",
    "nodelimit": "nodes",
    "totalnodelimit": "nodes",
    "stallnodelimit": "nodes",
    "memlimit": "memory",
    "sollimit": "solutions",
    "bestsollimit": "solutions",
    "restartlimit": "other",
    "primallimit": "objective",
    "duallimit": "cutoff",
    "unknown": "other",
}


def result(
    built: ScipModel, events: Events, problem: Program, settings: Settings, watch: Watch
) -> tuple[Status, Limit | None, dict[str, Any]]:
    """Status, limit and the parts of the answer."""
    model = built.model
    said = model.getStatus()
    found: dict[str, Any] = {"statistics": _statistics(model, watch), "message": f"SCIP: {said}"}
    if said == "infeasible" and settings["cutoff"] is not None:
        return "no-solution", "cutoff", found
    if said == "infeasible" and settings["iis"]:
        found["iis"] = _subsystem(built, problem, watch)
    if said in ("infeasible", "inforunbd", "unbounded"):
        found["primal_ray"] = _ray(built, problem) if said == "unbounded" else None
        return _settled(said, problem, settings, watch, found), None, found
    found["bound"] = _finite(model.getDualbound(), model.infinity())
    status, limit = _place(built, problem, settings, said, found)
    if said == "userinterrupt":
        limit = "iterations" if events.iterations_spent else watch.reason or "other"
    if status == "optimal" and problem.features == {"linear"}:
        _duals(built, problem, settings, found)
    counts = found["statistics"]
    watch.note_end(found.get("objective"), found.get("bound"), nodes=counts["nodes"], iterations=counts["iterations"])
    return status, limit, found


def _settled(said: str, problem: Program, settings: Settings, watch: Watch, found: dict[str, Any]) -> Status:
    """Infeasible or unbounded: a second search, without the objective, finds out whether there is a point.

    SCIP's own point of an unbounded program lies at its infinity.
    """
    if said == "infeasible":
        return "infeasible"
    nonlinear = None if problem.nonlinear is None else replace(problem.nonlinear, objective=None)
    built = build(replace(problem, c=np.zeros(problem.n), Q=None, nonlinear=nonlinear))
    model = built.model
    model.setParams({"limits/time": min(watch.remaining, 1e20), "limits/solutions": 1, "misc/catchctrlc": False})
    model.optimizeNogil()
    if model.getStatus() == "infeasible":
        return "infeasible"
    if not model.getNSols():
        return "unbounded" if said == "unbounded" else "infeasible-or-unbounded"
    best: Any = model.getBestSol()
    x = np.array([best[variable] for variable in built.variables])
    point = point_at(problem, x, integrality_tolerance=settings["integrality_tolerance"])
    found.update(x=point.x, objective=point.objective, row_activity=point.activity)
    return "unbounded"


def _place(
    built: ScipModel, problem: Program, settings: Settings, said: str, found: dict[str, Any]
) -> tuple[Status, Limit | None]:
    """Put the best points into ``found``; the status they justify."""
    model = built.model
    points = []
    for solution in model.getSols()[: settings["pool_size"]]:
        x = np.array([solution[variable] for variable in built.variables])
        points.append(point_at(problem, x, integrality_tolerance=settings["integrality_tolerance"]))
    limit = _LIMITS.get(said)
    if not points:
        return "no-solution", limit
    best = points[0]
    found.update(x=best.x, objective=best.objective, row_activity=best.activity)
    found["pool"] = tuple(Solution(point.objective, point.x) for point in points[1:])
    sound = best.violation <= settings["primal_tolerance"]
    if said in ("optimal", "gaplimit"):
        if sound:
            return "optimal", None
        found["message"] = "SCIP reports an optimum, but the point breaks a row by more than the tolerance"
        return "imprecise", None
    return ("feasible" if sound else "imprecise"), limit


def _statistics(model: Model, watch: Watch) -> dict[str, Any]:
    return {
        "nodes": int(model.getNTotalNodes()),
        "iterations": int(model.getNLPIterations()),
        "seconds": watch.seconds,
        "presolve_seconds": model.getPresolvingTime(),
        "solutions": int(model.getNSolsFound()),
    }


def _duals(built: ScipModel, problem: Program, settings: Settings, found: dict[str, Any]) -> None:
    y = np.zeros(problem.m)
    for i, row in built.rows.items():
        y[i] = built.model.getDualsolLinear(row)
    if problem.sense == "max":  # SCIP's duals are those of its own minimization
        y = -y
    d = reduced_costs_of(problem, found["x"], y)
    point = point_at(problem, found["x"])
    proved = dual_bound(problem, point, y, d)
    agree = abs(proved.value - point.objective) <= settings["dual_tolerance"] * max(1.0, abs(point.objective))
    if agree and proved.violation <= settings["dual_tolerance"]:
        found.update(row_duals=y, reduced_costs=d)


def _ray(built: ScipModel, problem: Program) -> np.ndarray | None:
    model = built.model
    if not model.hasPrimalRay() or problem.features - {"linear", "integer"}:
        return None
    return np.array([model.getPrimalRayVal(variable) for variable in built.variables])


def _subsystem(built: ScipModel, problem: Program, watch: Watch) -> InfeasibleSubsystem | None:
    """SCIP's infeasible subsystem, if it consists of rows and bounds.

    SCIP drops whole rows, not sides, and keeps bounds and integrality that it does not need: it is not irreducible.
    """
    model = built.model
    model.setParams({"iis/removebounds": True, "iis/silent": True, "iis/time": min(watch.remaining, 1e20)})
    iis = model.generateIIS()
    part = iis.getSubscip()
    names = [constraint.name for constraint in part.getConss()]
    known = {f"c{i}": i for i in built.rows}
    if not iis.isSubscipInfeasible() or any(name not in known for name in names):
        return None
    rows = [known[name] for name in names]
    sides = [(i, side) for i in rows for side, value in _finite_sides(problem.row_lower[i], problem.row_upper[i])]
    bounds: list[tuple[int, Any]] = []
    infinity = model.infinity()
    for variable in part.getVars():
        j = int(variable.name[1:])
        kept = (variable.getLbOriginal() > -infinity, variable.getUbOriginal() < infinity)
        bounds += [(j, side) for side, here in zip(("lower", "upper"), kept, strict=True) if here]
    whole = np.flatnonzero((problem.integrality != 0) & (problem.integrality < SEMI_CONTINUOUS))
    return InfeasibleSubsystem(tuple(sides), tuple(bounds), tuple(whole.tolist()), irreducible=False)


def _finite_sides(low: float, high: float) -> list[tuple[Any, float]]:
    return [(side, value) for side, value in (("lower", low), ("upper", high)) if np.isfinite(value)]


def _finite(value: float, infinity: float) -> float | None:
    """None for what SCIP takes as infinite."""
    return float(value) if math.isfinite(value) and abs(value) < infinity else None

"""SCIP: mixed-integer programs with special ordered sets, indicators, cones, quadratic and nonlinear parts.

C. Hojny et al., The SCIP Optimization Suite 10.0, https://arxiv.org/abs/2511.18580.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import EngineFailure, OutOfMemory
from solvers.programs.answer import ProgramAnswer
from solvers.programs.engines.answers import answered, not_begun, without_variables
from solvers.programs.engines.settings import Settings, settings_of
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import Program

if TYPE_CHECKING:
    from pyscipopt import Model


SPEC = EngineSpec(
    id="scip",
    family="program",
    version=version("pyscipopt"),
    title="SCIP",
    summary="Mixed-integer programs with sets, indicators, cones, nonconvex quadratic and nonlinear parts, globally",
    solves=frozenset(
        {
            "linear",
            "integer",
            "semi-continuous",
            "quadratic-objective",
            "nonconvex-quadratic",
            "second-order-cone",
            "sos",
            "indicator",
            "nonlinear",
        }
    ),
    capabilities=frozenset(
        {"warm-start", "duals", "pool", "incumbents-in", "incumbents-out", "progress", "log", "deterministic"}
    ),
    options=(
        Option(
            "emphasis",
            "string",
            "default",
            "What the search is good at",
            choices=("default", "feasibility", "optimality", "easy", "hard", "numerics", "counter"),
        ),
        Option(
            "heuristics", "string", "default", "Effort of heuristics", choices=("off", "fast", "default", "aggressive")
        ),
    ),
    process_group="scip",
    requires=("pyscipopt",),
    citation="https://arxiv.org/abs/2511.18580",
)


class ScipEngine:
    """See ``solvers.core.engine.Engine``. Linear programs are solved without presolve, so that there are duals."""

    spec = SPEC

    def solve(self, problem: Program, options: Mapping[str, Any], context: Context) -> ProgramAnswer:
        settings = settings_of(SPEC, problem, options)
        if not problem.n:
            return without_variables(problem, SPEC)
        try:
            return _solve(problem, settings, context)
        except MemoryError as error:
            raise OutOfMemory(f"SCIP ran out of memory: {error}") from error


ENGINE = ScipEngine()


def _solve(problem: Program, settings: Settings, context: Context) -> ProgramAnswer:
    from solvers.programs.engines.scip_answer import result
    from solvers.programs.engines.scip_events import Events, LogFile, give_point
    from solvers.programs.engines.scip_model import build

    built = build(problem)
    model, events = built.model, Events(built, problem)
    events.iteration_limit = settings["iteration_limit"]
    logs: list[LogFile] = []

    def sample() -> None:
        for log in logs:
            log.read()

    watch = Watch(
        context,
        time_limit=settings["time_limit"],
        interrupt=events.interrupt,
        sample=sample,
        keep_log=settings["log"],
    )
    with watch, contextlib.ExitStack() as stack:
        stack.callback(model.free)  # model and handlers hold each other
        stack.callback(events.disconnect)
        if watch.stopped:
            return not_begun(SPEC, watch)
        _set_parameters(model, problem, settings, watch)
        if settings.start is not None and settings.start.x is not None:
            give_point(built, settings.start.x, running=False)
        events.connect(watch, offers=context.offers)
        if settings["log"]:
            logs.append(stack.enter_context(LogFile(model, watch)))
        try:
            model.optimizeNogil()
        except Exception as error:
            raise EngineFailure(f"SCIP: {error}") from error
        return answered(SPEC, *result(built, events, problem, settings, watch))


def _set_parameters(model: Model, problem: Program, settings: Settings, watch: Watch) -> None:
    import pyscipopt

    names: Any = pyscipopt
    emphasis = settings["emphasis"].upper()
    if emphasis != "DEFAULT":
        model.setEmphasis(
            getattr(names.SCIP_PARAMEMPHASIS, {"EASY": "EASYCIP", "HARD": "HARDLP"}.get(emphasis, emphasis))
        )
    effort = settings["heuristics"].upper()
    if effort != "DEFAULT":
        model.setHeuristics(getattr(names.SCIP_PARAMSETTING, effort))
    values: dict[str, Any] = {
        "limits/time": min(watch.remaining, 1e20),
        "limits/gap": settings["relative_gap"],
        "limits/absgap": settings["absolute_gap"],
        "limits/maxsol": max(100, settings["pool_size"]),
        "numerics/feastol": max(1e-10, min(settings["primal_tolerance"], settings["integrality_tolerance"])),
        "numerics/dualfeastol": max(1e-10, settings["dual_tolerance"] / 10),
        "randomization/randomseedshift": settings["seed"],
        "misc/catchctrlc": False,
    }
    for option, name in (("node_limit", "limits/totalnodes"), ("solution_limit", "limits/bestsol")):
        if settings[option] is not None:
            values[name] = settings[option]
    if settings["objective_limit"] is not None:
        values["limits/primal"] = settings["objective_limit"]
    method = {"primal-simplex": "p", "dual-simplex": "d", "ipm": "b"}.get(settings["method"])
    if method is not None:
        values["lp/initalgorithm"] = method
    if settings["cutoff"] is not None:
        model.setObjlimit(settings["cutoff"])
    if not settings["presolve"] or problem.features == {"linear"}:
        # the duals of a presolved program are not those of the original one
        model.setPresolve(names.SCIP_PARAMSETTING.OFF)
    if problem.features == {"linear"}:
        model.setHeuristics(names.SCIP_PARAMSETTING.OFF)
        model.disablePropagation()
    model.setParams(values)

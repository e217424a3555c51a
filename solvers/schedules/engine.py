"""The engine of schedules: one step of a policy, from everything that was observed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import InvalidProblem
from solvers.schedules import batch, population
from solvers.schedules.bandit import ChebCB, TsallisInf, arms_of
from solvers.schedules.curves import Knots, compress, values
from solvers.schedules.refine import POWERS, Norm, Refinement, grid, refine

CONTEXTS = 33
"""Contexts for which the probabilities of a bandit are worked out ahead."""


@dataclass(frozen=True)
class Task:
    """What is to be decided.

    Attributes:
        work: "refine" or "advise".
        definition: fields of the schedule: policy, horizon, low, high...
        runs: of each ``number``, ``state``, ``advice``, ``final``, ``curve`` (knots) and ``observations`` in order.
        arguments: of a refinement: ``norm``, ``tau``.
    """

    work: str
    definition: Mapping[str, Any]
    runs: tuple[Mapping[str, Any], ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What was decided: a curve with its provenance, advice by run, and what a policy keeps for new runs."""

    curve: Knots | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    advice: dict[int, dict[str, Any]] = field(default_factory=dict)
    memory: dict[str, Any] | None = None


class Standard:
    """All policies; small enough for one engine."""

    spec = EngineSpec(
        id="standard",
        family="schedule",
        version="1",
        title="Schedules",
        summary="Refinement from gradient norms, batch tests, population-based bandits, Tsallis-INF.",
        solves=frozenset({"refine", "advise"}),
        capabilities=frozenset({"deterministic"}),
        citation="Defazio et al., arXiv 2310.07831; Parker-Holder et al. 2020; Khodak et al. 2024",
    )

    def solve(self, problem: Task, options: Mapping[str, Any], context: Context) -> Decision:  # noqa: ARG002
        """One step. Takes milliseconds: it is not interrupted."""
        if problem.work == "refine":
            return _refine(problem)
        policy = problem.definition["policy"]
        if policy == "adaptive-batch":
            return _batches(problem)
        if policy == "pb2":
            return _population(problem)
        if policy == "sor-bandit":
            return _bandit(problem)
        raise InvalidProblem(f"the policy {policy} gives no advice", pointer="/policy")


def _refine(task: Task) -> Decision:
    norm = task.arguments["norm"]
    horizon = int(task.definition["horizon"])
    name = "norm" if norm == "l2" else "norm1"
    series, numbers = [], []
    for run in task.runs:
        seen = [(o["step"], o[name]) for o in run["observations"] if o.get(name) is not None]
        if seen:
            table = np.array(seen, dtype=float)
            series.append((table[:, 0], table[:, 1]))
            numbers.append(run["number"])
    if not series:
        raise InvalidProblem(
            f"no run has observed {name}",
            hint="observe gradient norms (ScheduledLR does so every few steps), and finish the run or name it: without "
            "runs=[...] those that are finished count",
        )
    cells = grid(horizon)
    before = values(task.runs[0]["curve"], cells)
    power = task.arguments.get("power")
    found = refine(
        series, horizon, norm=norm, tau=float(task.arguments["tau"]), power=power, before=before, names=numbers
    )
    peak = float(task.definition["peak"])
    knots = compress(found.steps, peak * found.curve)
    better = found.before is not None and found.after < found.before
    provenance = {
        "policy": "refined",
        "runs": numbers,
        "norm": norm,
        "tau": task.arguments["tau"],
        "power": found.power,
        "filter_width": found.width,
        "bound_before": found.before,
        "bound_after": found.after,
        "bound_sharp": found.sharp,
        "why": f"The bound for these norms {'falls' if better else 'does not fall'}: from {found.before:.6g} D to "
        f"{found.after:.6g} D, D being the distance to the solution.{_damping(found, norm)}",
    }
    return Decision(curve=knots, provenance=provenance)


def _damping(found: Refinement, norm: Norm) -> str:
    if found.power == POWERS[norm]:
        return ""
    return (
        f" Norms weigh by the power {found.power:.2g}, not {POWERS[norm]:g} as by the theory: they vanish towards the "
        "end, as in a training that fits its data. Compare runs of both versions."
    )


def _batches(task: Task) -> Decision:
    definition = task.definition
    advice: dict[int, dict[str, Any]] = {}
    for run in task.runs:
        if run["state"] != "running":
            continue
        now = int(run["advice"].get("batch", definition["low"]))
        since = int(run["advice"].get("step", -1))
        wanted = []
        for seen in run["observations"]:
            if seen["step"] <= since or seen.get("variance") is None or seen.get("norm") is None:
                continue
            if definition["test"] == "norm":
                wanted.append(batch.norm_test(seen["variance"], seen["norm"], definition["eta"]))
            else:
                parts = (seen["variance"], seen["norm"], definition["eta"], seen.get("orthogonal"))
                wanted.append(batch.inner_product_test(*parts))
        wanted = [value for value in wanted if not math.isnan(value)]
        if wanted:
            middle = float(np.median(wanted))
            following = batch.following(now, middle, int(definition["high"]))
            shown = middle if math.isfinite(middle) else None
            step = run["observations"][-1]["step"]
            advice[run["number"]] = {"batch": following, "value": following, "step": step, "wanted": shown}
    return Decision(advice=advice)


def _population(task: Task) -> Decision:
    definition = task.definition
    sign = 1.0 if definition["goal"] == "max" else -1.0
    interval = int(definition.get("interval") or max(1, int(definition["horizon"]) // 20))
    history: list[population.Interval] = []
    scores: dict[int, float] = {}
    times: dict[int, int] = {}
    for run in task.runs:
        every = [(o["step"], sign * float(o["score"])) for o in run["observations"] if o.get("score") is not None]
        seen = [(step, score) for step, score in every if math.isfinite(score)]
        path = run["advice"].get("path") or [[0, run["advice"].get("value", definition["low"])]]
        marks: dict[int, float] = {}
        for step, score in seen:
            marks[step // interval] = score
        ordered = sorted(marks.items())
        for (one, before), (two, after) in itertools.pairwise(ordered):
            value = (
                next(v for s, v in reversed(path) if s <= one * interval)
                if path[0][0] <= one * interval
                else path[0][1]
            )
            history.append(population.Interval(two, _place(definition, value), before, (after - before) / (two - one)))
        if ordered:
            scores[run["number"]], times[run["number"]] = ordered[-1][1], ordered[-1][0]
        if every and not math.isfinite(every[-1][1]):  # it diverged: the first to copy another
            scores[run["number"]], times[run["number"]] = -math.inf, every[-1][0] // interval
    seed = int(definition["seed"])
    losers = population.exchanges(scores, float(definition["quantile"]), seed + sum(times.values()))
    advice: dict[int, dict[str, Any]] = {}
    pending: list[float] = []
    for run in task.runs:
        number = run["number"]
        time = times.get(number, 0)
        if run["state"] != "running" or time <= int(run["advice"].get("time", 0)):
            continue
        made = {**run["advice"], "time": time}
        made.pop("copy_from", None)
        if number in losers:
            place = population.propose(history, scores[losers[number]], time, pending, seed + number)
            pending.append(place)
            value = _value(definition, place)
            path = [*(run["advice"].get("path") or []), [time * interval, value]]
            made |= {"value": value, "copy_from": losers[number], "path": path}
        advice[number] = made
    return Decision(advice=advice)


def _bandit(task: Task) -> Decision:
    definition = task.definition
    arms = arms_of(definition["low"], definition["high"], int(definition["arms"]), log=bool(definition["log"]))
    finished = [run for run in task.runs if run["state"] == "finished" and _cost(run) is not None]
    bounds = definition.get("context")
    if bounds is None:
        plain = TsallisInf.of(len(arms))
        for run in finished:
            cost = _cost(run)
            assert cost is not None
            plain.observe(int(run["advice"]["arm"]), cost, float(run["advice"]["probability"]))
        memory: dict[str, Any] = {"probabilities": [plain.probabilities().tolist()]}
        return Decision(memory={**memory, "arms": arms, "rounds": plain.rounds})
    following = ChebCB.of(len(arms), bounds["low"], bounds["high"])
    for run in finished:
        cost = _cost(run)
        assert cost is not None
        following.observe(int(run["advice"]["arm"]), cost, float(run["advice"]["context"]))
    contexts = np.linspace(bounds["low"], bounds["high"], CONTEXTS)
    table = [following.probabilities(float(c)).tolist() for c in contexts]
    return Decision(memory={"probabilities": table, "arms": arms, "rounds": following.rounds})


def _cost(run: Mapping[str, Any]) -> float | None:
    cost = (run["final"] or {}).get("cost")
    return float(cost) if isinstance(cost, (int, float)) and math.isfinite(cost) and cost >= 0 else None


def _place(definition: Mapping[str, Any], value: float) -> float:
    low, high = float(definition["low"]), float(definition["high"])
    if definition["log"]:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _value(definition: Mapping[str, Any], place: float) -> float:
    low, high = float(definition["low"]), float(definition["high"])
    return float(low * (high / low) ** place if definition["log"] else low + place * (high - low))


ENGINE = Standard()

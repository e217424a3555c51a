"""Several engines on one job, each in a runner of its own; the first final answer that is confirmed wins."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.outcome import HandedBack, Lost, Outcome, failed
from workers.progress import better, is_finite_number
from workers.run import Answered, Died, Elsewhere, Refused, Run

if TYPE_CHECKING:
    from workers.supervisor import Stop, Supervisor


@dataclass
class Racer:
    """One engine in the race, and what became of it."""

    engine: str
    run: Run
    fate: str = "running"
    ended: float | None = None

    @property
    def waits(self) -> bool:
        """It has an answer, and waits to hear whether it is wanted."""
        return self.run.result is None and self.run.claims is not None

    @property
    def over(self) -> bool:
        return self.waits or self.run.result is not None


class Race:
    """Implements ``workers.run.Listener`` for its racers."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._racers: list[Racer] = []
        self._best: float | None = None
        self._sense = "min"
        self._stopped: Stop | None = None

    def run(self) -> Outcome:
        """Choose the racers, let them run, store the winner's answer."""
        choice = self._choose()
        if not isinstance(choice, Elsewhere):
            return choice
        try:
            self._start(choice)
            self._attend()
            return self._end()
        finally:
            for racer in self._racers:
                self._supervisor.give(racer.run)

    def _choose(self) -> Elsewhere | Outcome:
        supervisor = self._supervisor
        group = supervisor.worker.catalogue.group_of(supervisor.claim.kind, "auto")
        while True:
            run = supervisor.begin(group, supervisor.order("race", group))
            try:
                choice = supervisor.follow(run)
            finally:
                supervisor.give(run)
            if choice is not None:
                return choice

    def _start(self, choice: Elsewhere) -> None:
        supervisor = self._supervisor
        catalogue, kind = supervisor.worker.catalogue, supervisor.claim.kind
        self._sense = supervisor.progress.sense = choice.sense
        whole, racers = supervisor.worker.bounds, len(choice.engines)
        bounds = replace(
            whole,
            memory=max(whole.memory // racers, 64),
            memory_most=max(whole.memory_most // racers, 64),
            threads_most=max(whole.threads_most // racers, 1),
        )
        for engine in choice.engines:
            group = catalogue.group_of(kind, engine)
            order = supervisor.order(engine, group, choice.why, racing=True)
            run = supervisor.begin(group, order, listener=self, bounds=bounds)
            run.engine = engine
            self._racers.append(Racer(engine, run))

    def _attend(self) -> None:
        """Until someone has a final answer, or nobody runs any more."""
        supervisor = self._supervisor
        while not all(racer.over for racer in self._racers) and self._winner() is None:
            wanted = supervisor.stop_wanted()
            if wanted is not None and wanted != self._stopped:
                self._stopped = wanted
                for racer in self._racers:
                    supervisor.halt(racer.run, wanted)
            supervisor.attend([racer.run for racer in self._racers if racer.run.result is None])
            for racer in self._racers:
                if racer.over and racer.ended is None:
                    racer.ended = time.monotonic() - supervisor.started
                    racer.fate = _fate(racer.run)

    def _winner(self) -> Racer | None:
        """Who has an answer after which no better one can come."""
        return next((racer for racer in self._racers if racer.waits and (racer.run.claims or {})["final"]), None)

    def _end(self) -> Outcome:
        if self._stopped == "lost":
            return Lost()
        winner = self._winner()
        if winner is None and self._stopped == "drain" and not self._supervisor.cancelled:
            return HandedBack("the worker shuts down")
        for racer in self._racers:
            if winner is not None and not racer.over:
                racer.fate = "beaten"
                racer.run.stop("beaten", time.monotonic(), 0.0)
        candidates = [winner] if winner is not None else []
        candidates += sorted((racer for racer in self._racers if racer is not winner), key=self._rank)
        for racer in candidates:
            outcome = self._take(racer)
            if outcome is not None:
                return outcome
        return self._nobody()

    def _rank(self, racer: Racer) -> tuple[bool, float, bool]:
        """Best first: whose point is confirmed and best, then who has any answer at all."""
        claims = racer.run.claims if racer.waits else None
        objective = claims["objective"] if claims is not None else racer.run.point[0] if racer.run.point else None
        value = float(objective) if objective is not None and is_finite_number(objective) else math.inf
        confirmed = claims is None or bool(claims["verified"])
        return (not confirmed, value if self._sense == "min" or math.isinf(value) else -value, claims is None)

    def _take(self, racer: Racer) -> Outcome | None:
        """This racer's answer stored; None if it has none (any more)."""
        supervisor = self._supervisor
        if racer.waits:
            others = [other for other in self._racers if other is not racer]
            racer.fate = "won"
            racer.run.reply("encode", bound=self._bound(), statistics=self._statistics())
            while racer.run.result is None:
                if supervisor.last_steps(racer.run):
                    return Lost()
                supervisor.attend([racer.run, *(other.run for other in others if not other.over)])
            if isinstance(racer.run.result, Answered):
                supervisor.milliseconds = racer.run.result.milliseconds
                return supervisor.answered(racer.run.result, self._stopped)
            if supervisor.stop_wanted() == "drain":
                return HandedBack("the worker shuts down")
            racer.fate = _fate(racer.run)
            return None
        if racer.run.point is not None and isinstance(racer.run.result, (Died, Refused)):
            limit = {"cancel": "cancelled", "deadline": "time", "drain": "cancelled"}.get(self._stopped or "", "other")
            if isinstance(racer.run.result, Died) and racer.run.result.cause in ("time", "memory", "cancelled"):
                limit = racer.run.result.cause
            words = f"{racer.engine} ended without an answer ({racer.fate}); this is its best until then."
            return supervisor.rescue(racer.run, limit, words, self._statistics())
        return None

    def _nobody(self) -> Outcome:
        """No racer has anything."""
        words = "; ".join(f"{racer.engine}: {racer.fate}" for racer in self._racers)
        stopped = [racer for racer in self._racers if isinstance(racer.run.result, Died)]
        for racer in stopped:
            if isinstance(racer.run.result, Died) and racer.run.result.cause in ("time", "cancelled"):
                cause = racer.run.result.cause
                return self._supervisor.rescue(racer.run, cause, f"No engine found a feasible point: {words}.")
        refusals = [racer.run.result for racer in self._racers if isinstance(racer.run.result, Refused)]
        if refusals:
            return failed(refusals[0].code, f"No engine of the race could solve it. {words}.", refusals[0].errors)
        return failed("runner-died", f"Every engine of the race died. {words}.")

    def _bound(self) -> float | None:
        """The best bound that any racer claims."""
        claimed = [(racer.run.claims or {}).get("bound", racer.run.metrics.get("bound")) for racer in self._racers]
        bounds = [float(bound) for bound in claimed if bound is not None and is_finite_number(bound)]
        if not bounds:
            return None
        return max(bounds) if self._sense == "min" else min(bounds)

    def _statistics(self) -> dict[str, Any]:
        now = time.monotonic() - self._supervisor.started
        race = []
        for racer in self._racers:
            claims = racer.run.claims or {}
            race.append(
                {
                    "engine": racer.engine,
                    "fate": racer.fate,
                    "status": claims.get("status"),
                    "objective": claims.get("objective", racer.run.metrics.get("objective")),
                    "bound": claims.get("bound", racer.run.metrics.get("bound")),
                    "seconds": round(racer.ended if racer.ended is not None else now, 3),
                }
            )
        return {"race": race}

    # ------------------------------------------------------------------ what racers tell

    def solving(self, run: Run, info: dict[str, Any]) -> None:
        """Known already."""

    def solved(self, run: Run, claims: dict[str, Any]) -> None:
        if claims["verified"] and is_finite_number(claims["objective"]):
            self._supervisor.progress.note(
                {"objective": claims["objective"], "bound": claims["bound"]}, run.engine, racing=True
            )

    def metrics(self, run: Run, metrics: dict[str, Any]) -> None:
        self._supervisor.progress.note(metrics, run.engine, racing=True)

    def incumbent(self, run: Run, objective: float, x: np.ndarray) -> None:
        self._supervisor.progress.note({"objective": objective}, run.engine, racing=True)
        if not better(objective, self._best, self._sense):
            return
        self._best = objective
        for racer in self._racers:
            if racer.run is not run and not racer.over:
                racer.run.runner.inbox.put(objective, x)

    def output(self, run: Run, text: str) -> None:
        self._supervisor.tell_log(text, engine=run.engine)

    def artifact(self, run: Run, artifact: str) -> dict[str, Any]:
        return self._supervisor.artifact(run, artifact)

    def store(self, run: Run, path: str, filename: str) -> dict[str, Any]:
        return self._supervisor.store(run, path, filename)


def _fate(run: Run) -> str:
    """What became of a run, in a few words."""
    result = run.result
    if isinstance(result, Died):
        return {"time": "did not stop at the time limit", "memory": "ran out of memory"}.get(result.cause, result.words)
    if isinstance(result, Refused):
        return f"{result.code}: {result.detail}"
    claims = run.claims or {}
    return f"ended: {claims.get('status', 'dropped')}" + ("" if claims.get("verified", True) else ", not confirmed")

"""Every engine's suggestions are made again from what the database holds, bit for bit, whatever happened since."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest

from api_schemas.study_comparisons import ComparisonRequest
from service import hooks, jobs, studies
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database
from service.studies import analysis
from solvers.core import registry
from solvers.core.engine import LocalContext
from tests.service.studies.desk import StudyDesk
from workers.families.study import FAMILY

ENGINES = [name for name in registry.names("study") if name != "botorch"]
BY_COMPARISONS = ("preference", "ranking")
SPACE = {
    "x": {"type": "float", "low": -1, "high": 1},
    "y": {"type": "float", "low": 1e-3, "high": 10, "log": True},
    "z": {"type": "float", "low": 0, "high": 1, "step": 0.01},
}


class Player(StudyDesk):
    """A desk whose jobs are solved for real."""

    def take(self, job_id: UUID) -> Claim:
        offered = [f"study:{name}" for name in registry.names("study")]
        while True:
            claim = jobs.claim(self.conn, pools=["cpu"], engines=offered, worker_id=self.worker, lease_seconds=60)
            assert claim is not None
            if claim.job_id == job_id:
                return claim

    def work(self, job_id: UUID) -> dict[str, Any]:
        """Load, solve and store, as a worker does."""
        claim = self.take(job_id)
        hook = hooks.of("study")
        assert hook is not None
        document = orjson.loads(hook.load(self.conn, claim))
        task = FAMILY.decode(document, None)  # type: ignore[arg-type]
        engine = document["problem"] and self.study.definition["engine"]
        solved = FAMILY.certify(task, FAMILY.solve(task, engine, "for a test", LocalContext()))
        answer = FAMILY.encode(task, solved, None, inline_limit=1 << 20).document  # type: ignore[arg-type]
        with self.conn.transaction():
            jobs.finish(self.conn, claim.job_id, claim.attempt, state="succeeded", answer=answer, summary={})
            hook.on_finish(self.conn, claim, hooks.Finish("succeeded", answer), self.settings)
        told: dict[str, Any] = orjson.loads(answer)
        return told

    def round(self, judged: bool) -> None:
        """Three trials by the engine, and what came of them; one of the last round's stays under way."""
        pending = studies.refill(self.conn, self.row, settings=self.settings)
        answer = self.work(pending.job_id)
        assert {check["outcome"] for check in answer["certificate"]["checks"]} <= {"passed", "skipped"}
        trials = self.try_ask(3).trials
        assert [trial.origin for trial in trials] == ["engine"] * 3
        if judged:
            best = sorted(trials[:2], key=_loss)
            request = ComparisonRequest(best=[best[0].number], others=[best[1].number])
            studies.compare(self.conn, self.project, self.study.id, request)
            return
        self.tell(trials[0], _loss(trials[0]))
        self.tell(trials[1], None, state="failed", reason="broke")
        self.tell(trials[2], _loss(trials[2]))


def _loss(trial: Any) -> float:
    return float((trial.params["x"] - 0.3) ** 2 + abs(trial.params["y"] - 1) + trial.params["z"])


@pytest.mark.parametrize("engine", ENGINES)
def test_suggestions_are_made_again_from_the_rows_alone(
    conn: Database, project: UUID, settings: Settings, engine: str
) -> None:
    judged = engine in BY_COMPARISONS
    kind: dict[str, Any] = {"objectives": {}, "preference": True} if judged else {"objectives": {"loss": "min"}}
    smooth = {**SPACE, "z": {"type": "float", "low": 0, "high": 1}}
    space = smooth if engine == "gradient-free" else SPACE
    desk = Player(conn, project, settings, engine=engine, space=space, seed=11, prefetch=3, **kind)
    for _ in range(4):
        desk.round(judged)
    made = [desk.trial(number) for number in range(1, 13)]
    if judged:
        (first, *_) = studies.list_comparisons(conn, project, desk.study.id)
        studies.retract(conn, project, desk.study.id, first.number)
    else:
        desk.edit(made[0], 123.0, reason="so that the data are others now")
        desk.add({"x": 0.0, "y": 1.0, "z": 0.5}, values={"loss": 5.0})

    for trial in made:
        found = analysis.look(conn, project, desk.study.id, {"work": "replay", "trial": trial.number}, settings)
        replay = desk.work(found.job_id)["replay"]
        assert replay["again"] == trial.params, f"trial {trial.number}"
        assert replay["same_version"] is True
        assert replay["explanation"] == {**trial.made["explanation"], "text": trial.made["why"]}

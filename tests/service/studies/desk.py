"""The rules of studies on one connection, project and study, with arguments that a test doesn't care about."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson

from api_schemas.ids import new_uuid
from api_schemas.studies import (
    AskRequest,
    EditRequest,
    LeaseRequest,
    ReportRequest,
    StudyRequest,
    TellRequest,
    TrialRequest,
)
from service import hooks, jobs, studies
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database
from service.studies import StudyRow, TrialRow
from service.studies.asks import Asked

SPACE: dict[str, Any] = {
    "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "layers": {"type": "int", "low": 1, "high": 8},
    "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
    "momentum": {"type": "float", "low": 0, "high": 1, "when": {"optimizer": "sgd"}},
}


class StudyDesk:
    """One study of a project."""

    def __init__(self, conn: Database, project: UUID, settings: Settings, **changes: Any) -> None:
        self.conn = conn
        self.project = project
        self.settings = settings
        self.worker = new_uuid()
        self.study = self.make(**changes)

    def make(self, **changes: Any) -> StudyRow:
        """A study of a name of its own."""
        fields = {"name": f"study {new_uuid()}", "space": SPACE, "objectives": {"loss": "min"}, **changes}
        return studies.create(self.conn, self.project, StudyRequest.model_validate(fields))[0]

    @property
    def row(self) -> StudyRow:
        return studies.get(self.conn, self.project, self.study.id).study

    @property
    def counts(self) -> dict[str, int]:
        return studies.get(self.conn, self.project, self.study.id).counts

    def try_ask(
        self, count: int = 1, *, stale: bool = True, waiting: int = 0, conn: Database | None = None, **fields: Any
    ) -> Asked:
        """What is ready."""
        request = AskRequest(count=count, **fields)
        return studies.ask(conn or self.conn, self.project, self.study.id, request, stale=stale, waiting=waiting)

    def ask(self, count: int = 1, *, conn: Database | None = None, **fields: Any) -> list[TrialRow]:
        """Trials, quasi-random ones if nothing is ready."""
        asked = self.try_ask(count, conn=conn, **fields)
        studies.fall_back(conn or self.conn, asked, AskRequest(count=count, **fields), "for a test")
        return asked.trials

    def one(self, **fields: Any) -> TrialRow:
        (trial,) = self.ask(**fields)
        return trial

    def tell(
        self, trial: TrialRow, loss: float | None = 1.0, *, conn: Database | None = None, **fields: Any
    ) -> TrialRow:
        request = TellRequest(
            **{"values": None if loss is None else {"loss": loss}, "attempt": trial.attempt, **fields}
        )
        return studies.tell(conn or self.conn, self.project, self.study.id, trial.number, request)[0]

    def report(self, trial: TrialRow, step: int, loss: float) -> tuple[bool, str]:
        request = ReportRequest(step=step, values={"loss": loss}, attempt=trial.attempt)
        return studies.report(self.conn, self.project, self.study.id, trial.number, request)[1:]

    def beat(self, trial: TrialRow) -> tuple[TrialRow, bool, str]:
        request = LeaseRequest(attempt=trial.attempt)
        return studies.heartbeat(self.conn, self.project, self.study.id, trial.number, request)

    def release(self, trial: TrialRow) -> TrialRow:
        request = LeaseRequest(attempt=trial.attempt)
        return studies.release(self.conn, self.project, self.study.id, trial.number, request)

    def add(self, params: dict[str, Any], **fields: Any) -> TrialRow:
        return studies.add(self.conn, self.project, self.study.id, TrialRequest(params=params, **fields))

    def edit(self, trial: TrialRow, loss: float, **fields: Any) -> TrialRow:
        request = EditRequest(values={"loss": loss}, **fields)
        return studies.edit(self.conn, self.project, self.study.id, trial.number, request, by="me")

    def trial(self, number: int) -> TrialRow:
        return studies.trial(self.conn, self.project, self.study.id, number)

    def lapse(self, trial: TrialRow) -> None:
        """Let the lease run out."""
        self.conn.execute("UPDATE trial SET lease_until = now() - interval '1 second' WHERE id = %s", (trial.id,))

    def changes(self, number: int) -> list[str]:
        """Types of everything that happened to a trial."""
        return [change[2] for change in studies.history(self.conn, self.project, self.study.id, number)[0]]

    # ------------------------------------------------------------------ as a worker

    def claim(self) -> Claim:
        """The job that makes suggestions, as a worker holds it."""
        pending = studies.refill(self.conn, self.row, settings=self.settings)
        while True:
            engines = ["study:some"]
            claim = jobs.claim(self.conn, pools=["cpu"], engines=engines, worker_id=self.worker, lease_seconds=30)
            assert claim is not None
            if claim.job_id == pending.job_id:
                return claim

    def finish(self, claim: Claim, document: bytes, points: list[dict[str, Any]], **fields: Any) -> UUID | None:
        """End it with these suggestions for the data that ``hooks.load`` gave."""
        problem = orjson.loads(document)["problem"]
        answer = orjson.dumps(
            {
                "kind": "study",
                "work": "suggest",
                "watermark": problem["watermark"],
                "told": problem["told"],
                "engine": "test",
                "engine_version": "1",
                "seed": problem["step"]["seed"],
                "fixed": problem["step"]["fixed"],
                "suggestions": [{"params": point, "why": "for a test"} for point in points],
                "statistics": {"count": problem["step"]["count"]},
                **fields,
            }
        )
        hook = hooks.of("study")
        assert hook is not None
        with self.conn.transaction():
            jobs.finish(self.conn, claim.job_id, claim.attempt, state="succeeded", answer=answer, summary={})
            return hook.on_finish(self.conn, claim, hooks.Finish("succeeded", answer), self.settings)

    def load(self, claim: Claim) -> bytes:
        hook = hooks.of("study")
        assert hook is not None
        return hook.load(self.conn, claim)

    def prepare(self, *points: dict[str, Any]) -> None:
        """Have these points ready, as a worker would."""
        claim = self.claim()
        self.finish(claim, self.load(claim), list(points))


def point(lr: float = 0.01, layers: int = 2, optimizer: str = "adam", **more: Any) -> dict[str, Any]:
    """A point of ``SPACE``."""
    return {"lr": lr, "layers": layers, "optimizer": optimizer, **more}

"""The rules as a machine: whatever happens, the database follows the model, and each job has one end."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from hypothesis import HealthCheck
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from api_schemas.jobs import FINAL_STATES
from service import jobs
from service.dispatch import reaper
from service.jobs import Claim
from tests.service.work import Desk

FINAL = sorted(FINAL_STATES)


@dataclass
class Model:
    """What a job must look like."""

    max_attempts: int
    state: str = "queued"
    attempt: int = 0
    uncounted: int = 0
    seq: int = 1
    cancelled: bool = False
    lapsed: bool = False
    late: bool = False
    answers: int = 0
    claims: list[Claim] = field(default_factory=list)

    @property
    def used_up(self) -> bool:
        return self.attempt - self.uncounted >= self.max_attempts

    def enter(self, state: str) -> None:
        self.state = state
        self.seq += 1
        self.lapsed = False


class Rules(RuleBasedStateMachine):
    """Two jobs at a time are enough to see them mixed up."""

    claims = Bundle("claims")

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.jobs: dict[UUID, Model] = {}
        self.conn = desk.conn
        for row in self.conn.execute("SELECT id FROM job WHERE state IN ('queued', 'running')").fetchall():
            jobs.cancel(self.conn, desk.project, row[0])
        self.conn.execute("UPDATE job SET lease_until = now() - interval '1 s' WHERE state = 'running'")
        reaper.reap(self.conn)

    @rule(max_attempts=st.integers(1, 3))
    def submit(self, max_attempts: int) -> None:
        if len(self.jobs) < 2:
            self.jobs[self.desk.submit(max_attempts=max_attempts).job_id] = Model(max_attempts)

    @rule(target=claims)
    def claim(self) -> object:
        claim = self.desk.claim()
        fits = [
            job
            for job, model in self.jobs.items()
            if not model.late
            and not model.used_up
            and not model.cancelled
            and (model.state == "queued" or (model.state == "running" and model.lapsed))
        ]
        assert (claim.job_id if claim else None) == (min(fits) if fits else None)
        if claim is None:
            return multiple()
        model = self.jobs[claim.job_id]
        assert claim.takeover == (model.state == "running")
        model.attempt += 1
        model.enter("running")
        assert (claim.attempt, claim.last_seq) == (model.attempt, model.seq)
        return claim

    def _holds(self, claim: Claim) -> bool:
        model = self.jobs[claim.job_id]
        return model.state == "running" and model.attempt == claim.attempt

    @rule(claim=claims, count=st.integers(0, 3))
    def tell(self, claim: Claim, count: int) -> None:
        seq = jobs.add_events(self.conn, claim.job_id, claim.attempt, [{"type": "progress", "data": {}}] * count)
        if self._holds(claim):
            self.jobs[claim.job_id].seq += count
            assert seq == self.jobs[claim.job_id].seq
        else:
            assert seq is None

    @rule(claim=claims)
    def extend(self, claim: Claim) -> None:
        fate = jobs.extend(self.conn, [(claim.job_id, claim.attempt)], 30)[claim.job_id]
        model = self.jobs[claim.job_id]
        if not self._holds(claim):
            assert fate == "lost"
            return
        assert fate == ("cancel" if model.cancelled else "deadline" if model.late else "held")
        model.lapsed = False

    @rule(claim=claims, state=st.sampled_from(FINAL))
    def finish(self, claim: Claim, state: str) -> None:
        seq = self.desk.finish(claim, state)
        assert (seq is not None) == self._holds(claim)
        if seq is not None:
            model = self.jobs[claim.job_id]
            model.answers += state != "failed"
            model.enter(state)

    @rule(claim=consumes(claims))
    def hand_back(self, claim: Claim) -> None:
        seq = jobs.hand_back(self.conn, claim.job_id, claim.attempt, "drain")
        assert (seq is not None) == self._holds(claim)
        if seq is not None:
            model = self.jobs[claim.job_id]
            model.uncounted += 1
            model.enter("cancelled" if model.cancelled else "queued")

    @rule(which=st.integers(0, 1))
    def cancel(self, which: int) -> None:
        if which < len(self.jobs):
            job_id = list(self.jobs)[which]
            model = self.jobs[job_id]
            if model.state == "queued":
                model.enter("cancelled")
            elif model.state == "running" and not model.cancelled:
                model.cancelled = True
                model.seq += 1
            assert jobs.cancel(self.conn, self.desk.project, job_id).state == model.state

    @rule(which=st.integers(0, 1))
    def stall(self, which: int) -> None:
        if which < len(self.jobs):
            job_id = list(self.jobs)[which]
            if self.jobs[job_id].state == "running":
                self.jobs[job_id].lapsed = True
                self.desk.lapse(job_id)

    @rule(which=st.integers(0, 1))
    def be_late(self, which: int) -> None:
        if which < len(self.jobs):
            job_id = list(self.jobs)[which]
            if self.jobs[job_id].state in ("queued", "running"):
                self.jobs[job_id].late = True
                self.conn.execute("UPDATE job SET deadline_at = now() - interval '1 s' WHERE id = %s", (job_id,))

    @rule()
    def reap(self) -> None:
        for model in self.jobs.values():
            if model.state == "running" and model.lapsed:
                model.enter(
                    "cancelled"
                    if model.cancelled
                    else "expired"
                    if model.late
                    else "failed"
                    if model.used_up
                    else "queued"
                )
        for model in self.jobs.values():
            if model.state == "queued" and model.late:
                model.enter("expired")
        reaper.reap(self.conn)

    @invariant()
    def the_database_follows(self) -> None:
        for job_id, model in self.jobs.items():
            row = jobs.get(self.conn, self.desk.project, job_id)
            assert (row.state, row.attempt, row.uncounted, row.last_seq) == (
                model.state,
                model.attempt,
                model.uncounted,
                model.seq,
            )
            assert self.desk.seqs(job_id) == list(range(1, model.seq + 1))
            assert (jobs.answer(self.conn, self.desk.project, job_id) is not None) == (model.answers == 1)
            assert self.desk.types(job_id).count("finished") == (model.state in FINAL_STATES)
            assert model.state != "queued" or self.desk.outbox(job_id) == 1


def test_the_rules_follow_the_model_whatever_happens(desk: Desk) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Rules(desk),
        settings=profile(
            max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

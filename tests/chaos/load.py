"""A mixed load of every family, by patient users: what fails for want of a server is tried until it is done."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import kantor
import numpy as np

from tests.chaos.ledger import Ledger

INSTANCES = Path(__file__).resolve().parents[2] / "examples" / "instances"
QUICK = ("afiro", "adlittle", "stair", "gt2", "egout")
LONG = ("bell5", "dcmulti")
#: A user gives up after so many seconds: then a job counts as lost.
PATIENCE = 240.0
T = TypeVar("T")

#: What a user tries again: there is no server, or it says "later". Status 500 is a fault of ours.
LATER = (kantor.ConnectionFailed, kantor.Unavailable, kantor.Timeout)


class User(threading.Thread):
    """One user of one family, round after round until ``over``."""

    def __init__(self, family: str, urls: Sequence[str], key: str, ledger: Ledger, over: threading.Event, seed: int):
        super().__init__(name=f"user {family}", daemon=True)
        self.family = family
        self.ledger = ledger
        self.over = over
        self.choice = random.Random(f"{family} {seed}")
        self._urls, self._key = list(urls), key
        self._work: Callable[[], None] = getattr(self, f"_{family}")
        self._client = self._connect()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self._work()
                self.ledger.round(self.family)
            except Exception as error:
                self.ledger.fault(f"{self.family}: {type(error).__name__}: {error}")
            self.over.wait(self.choice.uniform(0.05, 0.5))

    def patient(self, call: Callable[[kantor.Client], T]) -> T:
        """Call with a client of any API, again and again while there is none that works."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return call(self._client)
            except LATER as error:
                # a job that failed is no reason to try again: it is lost
                if isinstance(error, kantor.JobFailed) or time.monotonic() > end:
                    raise
                self.ledger.again(type(error).__name__)
                time.sleep(self.choice.uniform(0.1, 0.5))
                self._client = self._connect()

    def solve(self, problem: Any, **options: Any) -> Any:
        """Submit (twice, at times: it is one job) and wait for the answer."""
        key = uuid4().hex
        send = {"idempotency_key": key, "max_attempts": 10, "time_limit": 60, **options}
        job = self.patient(lambda client: client.submit(problem, **send))
        self.ledger.accepted(self.family, job.id)
        if self.choice.random() < 0.2:
            again = self.patient(lambda client: client.submit(problem, **send))
            if again.id != job.id:
                self.ledger.accepted(self.family, again.id)
                self.ledger.fault(f"{self.family}: one idempotency key made {job.id} and {again.id}")
        answer = self.patient(lambda client: client.job(job.id).result())
        self.ledger.answer(job.id)
        return answer

    def expect(self, name: str, found: Any, known: float, tolerance: float = 1e-4) -> None:
        if found is None or abs(found - known) > tolerance * max(1.0, abs(known)):
            self.ledger.fault(f"{self.family}: {name} is {found}, not {known}")

    def _connect(self) -> kantor.Client:
        return kantor.Client(self.choice.choice(self._urls), self._key, timeout=15, max_retries=1)

    # ------------------------------------------------------------------ one round of each family

    def _program(self) -> None:
        name = self.choice.choice(LONG if self.choice.random() < 0.25 else QUICK)
        self.expect(name, self.solve(instance(name)).objective, OPTIMUM[name])

    def _large(self) -> None:
        """Input and answer go through artifacts."""
        n = 20_000
        c = np.random.default_rng(self.choice.randrange(1 << 30)).random(n)
        answer = self.solve(kantor.Program(objective=-c, A=np.ones((1, n)), row_upper=[n / 2], upper=1.0))
        known = -float(np.sort(c)[n // 2 :].sum())
        self.expect("the knapsack", answer.objective, known)
        x = self.patient(lambda _: np.asarray(answer.primal))
        self.expect("its point", -float(c @ x), known)

    def _batch(self) -> None:
        program = kantor.Program(
            sense="max", objective=[3.0, 5.0], A=[[1.0, 0.0], [0.0, 2.0], [3.0, 2.0]], row_upper=[4.0, 12.0, 18.0]
        )
        sides = [self.choice.uniform(6.0, 12.0) for _ in range(30)]
        answer = self.solve(
            program.with_scenarios(kantor.Scenarios(row_upper={"indices": [1], "values": [[s] for s in sides]}))
        )
        for scenario, side in zip(answer.scenarios, sides, strict=True):
            y = side / 2
            self.expect("a scenario", scenario.objective, 3 * min(4.0, (18 - 2 * y) / 3) + 5 * y)

    def _transport(self) -> None:
        rng = np.random.default_rng(self.choice.randrange(1 << 30))
        answer = self.solve(kantor.Transport(rng.normal(size=(40, 2)), rng.normal(size=(30, 2))))
        if not answer.certificate.verified:
            self.ledger.fault("transport: not verified")

    def _bilevel(self) -> None:
        network = kantor.templates.RoadNetwork.build(
            [(0, 1, 4), (0, 2, 6), (1, 3, 3), (2, 3, 4), (1, 2, 1), (3, 4, 2), (2, 4, 9)]
        )
        problem = kantor.templates.toll_pricing(network, {(0, 4): 5.0, (1, 4): 3.0}, tolled=[3, 5], largest=30.0)
        if self.solve(problem).status != "globally-optimal":
            self.ledger.fault("bilevel: not optimal")

    def _minimize(self) -> None:
        problem = kantor.Minimize(
            "x[0]*x[3]*(x[0] + x[1] + x[2]) + x[2]",
            variables={"x": {"shape": [4], "start": [1, 5, 5, 1], "lower": 1, "upper": 5}},
            constraints=["prod(x) >= 25", "x @ x == 40"],
        )
        self.expect("hs071", self.solve(problem).objective, 17.0140173, 1e-5)

    def _follow(self) -> None:
        """Every event of a job is seen once and in order, whatever breaks on the way."""
        key = uuid4().hex
        problem = instance(self.choice.choice(LONG))
        job = self.patient(lambda client: client.submit(problem, idempotency_key=key, max_attempts=10, time_limit=60))
        self.ledger.accepted(self.family, job.id)
        seen = 0

        def read(client: kantor.Client) -> None:
            nonlocal seen
            for event in client.job(job.id).events(after=seen):
                if event.seq != seen + 1:
                    self.ledger.fault(f"follow: after event {seen} of {job.id} came {event.seq}")
                seen = event.seq

        self.patient(read)
        newest = self.patient(lambda client: client.job(job.id))
        if not newest.done or newest.info.last_seq != seen:
            self.ledger.fault(f"follow: {job.id} has {newest.info.last_seq} events, {seen} were seen ({newest.state})")
        self.ledger.answer(job.id)

    def _cancel(self) -> None:
        key = uuid4().hex
        job = self.patient(
            lambda client: client.submit(
                instance("gesa2"), idempotency_key=key, max_attempts=10, time_limit=60, relative_gap=0.0
            )
        )
        self.ledger.accepted(self.family, job.id)
        time.sleep(self.choice.uniform(0.0, 2.0))
        self.patient(lambda client: client.job(job.id).cancel())
        self.ledger.cancelled.add(job.id)
        done = self.patient(lambda client: client.job(job.id).wait())
        if done.state not in ("cancelled", "succeeded"):
            self.ledger.fault(f"cancel: {job.id} is {done.state}: {done.error}")

    def _upload(self) -> None:
        content = self.choice.randbytes(300_000)
        artifact = self.patient(lambda client: client.artifacts.upload(content, "noise.bin"))
        self.ledger.uploaded[artifact.id] = hashlib.sha256(content).hexdigest()
        if self.patient(lambda client: client.artifacts.read(artifact.id)) != content:
            self.ledger.fault(f"upload: {artifact.id} is not what was sent")
        if self.choice.random() < 0.9:  # or they fill the disk by themselves
            del self.ledger.uploaded[artifact.id]
            self.patient(lambda client: _deleted(client, artifact.id))

    def _study(self) -> None:
        study = self.patient(
            lambda client: client.studies.create(
                f"study {uuid4().hex}",
                space={"x": kantor.Float(-5, 10)},
                objectives={"cost": "min"},
                lease_seconds=20.0,
            )
        )
        me = uuid4().hex[:8]
        for _ in range(8):
            asked = self.patient(lambda client: client.studies.get(study.name).ask(1, client_id=me, wait=2.0))
            trial = asked[0]
            value = (trial["x"] - 3.0) ** 2
            try:
                self.patient(lambda client, t=trial, v=value: client.studies.get(study.name).tell(t, v))
            except kantor.StaleLease:  # the outage was longer than the lease: the trial is another's
                self.ledger.again("StaleLease")
                continue
            self.ledger.told[study.id, trial.number] = value
        found = {
            trial.number: trial for trial in self.patient(lambda client: list(client.studies.get(study.name).trials()))
        }
        for (name, number), value in list(self.ledger.told.items()):
            if name == study.id and (number not in found or found[number].values_told != {"cost": value}):
                self.ledger.fault(f"study: trial {number} of {name} was told {value}, and has {found.get(number)}")

    def _schedule(self) -> None:
        name = f"schedule {uuid4().hex}"
        schedule = self.patient(lambda client: client.schedules.create(name, horizon=50, policy="linear"))
        me = uuid4().hex
        run = self.patient(lambda client: client.schedules.get(name).run(me))
        for step in range(50):
            run.observe(step, norm=1.0 / (step + 1), loss=1.0)
        self.patient(lambda client: _send(run, client, name))
        self.ledger.observed[schedule.id, run.number] = 50


def _deleted(client: kantor.Client, artifact_id: str) -> None:
    with contextlib.suppress(kantor.NotFound):  # by the request whose reply was lost
        client.artifacts.delete(artifact_id)


def _send(run: Any, client: kantor.Client, name: str) -> None:
    run.schedule = client.schedules.get(name)
    if not run.flush():
        raise run.trouble or kantor.ConnectionFailed("the notes could not be sent")
    run.finish(loss=0.1)


class Probe(threading.Thread):
    """Solves something tiny again and again, without patience: how soon does the service work again?"""

    def __init__(self, urls: Sequence[str], key: str, ledger: Ledger, over: threading.Event) -> None:
        super().__init__(name="probe", daemon=True)
        self._urls, self._key, self._ledger, self._over = list(urls), key, ledger, over

    def run(self) -> None:
        program = kantor.Program(objective=[3, 2], A=[[1, 1], [1, 3]], row_upper=[4, 6], sense="max")
        turn = 0
        while not self._over.wait(0.2):
            turn += 1
            client = kantor.Client(self._urls[turn % len(self._urls)], self._key, timeout=5, max_retries=0)
            begin = time.time()
            try:
                with client:
                    job = client.submit(program, priority=100, max_attempts=10)
                    self._ledger.accepted("probe", job.id)
                    job.wait(15.0)
                if job.state == "succeeded":
                    self._ledger.probes.append((begin, time.time()))
            except kantor.KantorError:
                continue


FAMILIES = (
    "program",
    "large",
    "batch",
    "transport",
    "bilevel",
    "minimize",
    "follow",
    "cancel",
    "upload",
    "study",
    "schedule",
)
OPTIMUM = {item["name"]: item["optimum"] for item in json.loads((INSTANCES / "manifest.json").read_text())["items"]}


def instance(name: str) -> kantor.Program:
    return kantor.Program.from_file(
        gzip.decompress((INSTANCES / f"{name}.mps.gz").read_bytes()), filename=f"{name}.mps"
    )

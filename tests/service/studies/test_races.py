"""Many evaluators on one study: nothing is handed out twice, nothing is lost, nobody waits for long."""

from __future__ import annotations

import statistics
import threading
import time
from uuid import UUID

import orjson
import pytest

from api_schemas.errors import KantorError
from api_schemas.studies import AskRequest, TellRequest
from service import studies
from service.settings import Settings
from service.store.connect import Database, connect
from service.studies import leases, points
from tests.service.studies.desk import StudyDesk, point
from tests.service.work import together


class Crowd:
    """Evaluators in threads, each with its own connection, and a worker that prepares points."""

    def __init__(self, desk: StudyDesk, settings: Settings, evaluators: int, trials: int) -> None:
        self.desk = desk
        self.settings = settings
        self.left = trials
        self.lock = threading.Lock()
        self.asks: list[float] = []
        self.tells: list[float] = []
        self.prepared = 0
        self.done = threading.Event()
        self.evaluators = evaluators

    def run(self) -> float:
        """Seconds that it took."""
        worker = threading.Thread(target=self._work)
        worker.start()
        began = time.perf_counter()
        try:
            errors = [error for error in together(self.evaluators, self._evaluate) if error is not None]
        finally:
            self.done.set()
            worker.join(30)
        assert errors == []
        return time.perf_counter() - began

    def _evaluate(self, k: int) -> None:
        desk = self.desk
        with connect(self.settings) as conn:
            while True:
                with self.lock:
                    if self.left == 0:
                        return
                    self.left -= 1
                began = time.perf_counter()
                request = AskRequest(client_id=f"evaluator {k}")
                asked = studies.ask(conn, desk.project, desk.study.id, request, stale=True)
                if not asked.trials:
                    studies.fall_back(conn, asked, request, "for a test")
                middle = time.perf_counter()
                (trial,) = asked.trials
                self.asks.append(middle - began)
                values = {"loss": float(trial.params["lr"])}
                middle = time.perf_counter()
                studies.tell(
                    conn, desk.project, desk.study.id, trial.number, TellRequest(values=values, attempt=trial.attempt)
                )
                self.tells.append(time.perf_counter() - middle)

    def _work(self) -> None:
        """Prepares 32 points again and again, as a worker's job does."""
        with connect(self.settings) as conn:
            desk = StudyDesk.__new__(StudyDesk)
            desk.__dict__.update(self.desk.__dict__, conn=conn)
            fresh = points.sequence(desk.study.request, 99, 0)
            while not self.done.is_set():
                began = time.perf_counter()
                desk.prepare(*[next(fresh) for _ in range(32)])
                self.prepared += 32
                # an engine takes its time, and a worker is another process: here it takes that of the evaluators
                self.done.wait(max(0.1, 5 * (time.perf_counter() - began)))

    def check(self, trials: int) -> None:
        """Everything was told once, and the log has no holes."""
        row, conn = self.desk.row, self.desk.conn
        numbers = [r[0] for r in conn.execute("SELECT number FROM trial WHERE study_id = %s", (row.id,)).fetchall()]
        marks = [
            r[0] for r in conn.execute("SELECT watermark FROM trial_change WHERE study_id = %s", (row.id,)).fetchall()
        ]
        assert sorted(numbers) == list(range(1, trials + 1))
        assert sorted(marks) == list(range(1, row.watermark + 1)) == list(range(1, 2 * trials + 1))
        assert (row.asked, row.told, self.desk.counts["completed"]) == (trials, trials, trials)
        different = conn.execute("SELECT count(DISTINCT params) FROM trial WHERE study_id = %s", (row.id,)).fetchone()
        assert different is not None
        assert different[0] >= 0.999 * trials, "points of engine and fall-back may meet, hardly ever"


def test_eight_evaluators_and_a_worker_share_a_study(desk: StudyDesk, settings: Settings) -> None:
    crowd = Crowd(desk, settings, 8, 240)
    crowd.run()

    crowd.check(240)
    origins = {row.origin for row in studies.trials(desk.conn, desk.project, desk.study.id)}
    assert "engine" in origins
    assert statistics.median(crowd.asks) < 0.5


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_trials_by_fifty_evaluators_without_a_pile_up(desk: StudyDesk, settings: Settings) -> None:
    crowd = Crowd(desk, settings, 50, 10_000)
    seconds = crowd.run()

    crowd.check(10_000)
    ranked = {name: sorted(getattr(crowd, name)) for name in ("asks", "tells")}
    told = {name: [round(1000 * found[int(share * len(found))], 1) for share in (0.5, 0.99, 0.9999)]
            for name, found in ranked.items()}  # fmt: skip
    print(f"{10_000 / seconds:.0f} trials/s, milliseconds (median, 99 %, 99.99 %): {told}, prepared {crowd.prepared}")
    turn = 50 * seconds / 10_000  # all fifty always want something: so long each waits on average
    assert ranked["asks"][-2] + ranked["tells"][-2] < 20 * turn, "nobody waits in a queue that others pass"
    first, last = crowd.tells[:2000], crowd.tells[-2000:]
    assert statistics.median(last) < 3 * statistics.median(first), "a long study is no slower than a short one"


def test_one_trial_that_many_want_goes_to_one(desk: StudyDesk, settings: Settings) -> None:
    desk.prepare(point(0.01))

    def ask(_: int) -> int:
        with connect(settings) as conn:
            return len(desk.try_ask(conn=conn).trials)

    assert sum(together(12, ask)) == 1


def test_asks_with_one_client_id_at_once_get_one_trial(desk: StudyDesk, settings: Settings) -> None:
    desk.prepare(*[point(0.001 * k) for k in range(1, 9)])

    def ask(_: int) -> int:
        with connect(settings) as conn:
            return desk.try_ask(conn=conn, client_id="one").trials[0].number

    assert set(together(8, ask)) == {1}


def test_of_two_results_at_once_one_counts(desk: StudyDesk, settings: Settings) -> None:
    trial = desk.one()

    def tell(k: int) -> object:
        with connect(settings) as conn:
            try:
                return desk.tell(trial, float(k), conn=conn).values
            except KantorError as error:
                return error.code

    outcomes = together(6, tell)

    assert outcomes.count("conflict") == 5
    assert desk.trial(1).values in outcomes
    assert desk.row.told == 1


def test_reapers_at_once_return_each_trial_once(desk: StudyDesk, settings: Settings) -> None:
    for trial in desk.ask(20):
        desk.lapse(trial)

    def reap(_: int) -> int:
        with connect(settings) as conn:
            return leases.reap(conn)

    assert sum(together(4, reap)) == 20
    assert desk.counts["waiting"] == 20
    assert all(desk.changes(number) == ["asked", "returned"] for number in range(1, 21))


def test_of_many_who_want_suggestions_one_makes_the_job(conn: Database, desk: StudyDesk, settings: Settings) -> None:
    row = desk.row

    def refill(_: int) -> UUID:
        with connect(settings) as own:
            return studies.refill(own, row, settings=settings).job_id

    assert len(set(together(8, refill))) == 1
    count = conn.execute(
        "SELECT count(*) FROM job WHERE kind = 'study' AND project_id = %s", (desk.project,)
    ).fetchone()
    assert count == (1,)


def test_results_that_came_in_while_a_job_ran_are_followed_by_another(desk: StudyDesk) -> None:
    trial = desk.one()
    claim = desk.claim()
    document = desk.load(claim)
    desk.tell(trial)

    follows = desk.finish(claim, document, [point(0.01)])

    assert follows is not None
    assert desk.row.suggesting == follows
    assert desk.counts["prepared"] == 1
    claim = desk.claim()
    assert claim.job_id == follows
    assert desk.finish(claim, desk.load(claim), [point(0.02)]) is None
    assert desk.row.suggesting is None
    assert [t.params["lr"] for t in desk.try_ask(2).trials] == [0.02], "what knew less was replaced"


def test_a_job_that_follows_makes_a_point_for_each_evaluator_that_told_meanwhile(desk: StudyDesk) -> None:
    trials = desk.ask(12)
    claim = desk.claim()
    document = desk.load(claim)
    for trial in trials:
        desk.tell(trial)

    assert desk.finish(claim, document, [point(0.01)]) is not None
    assert orjson.loads(desk.load(desk.claim()))["problem"]["step"]["count"] == 12


def test_points_that_exist_already_are_not_kept(desk: StudyDesk) -> None:
    desk.add(point(0.01), values={"loss": 1.0})

    desk.prepare(point(0.01), point(0.02))

    assert [trial.params["lr"] for trial in desk.try_ask(5).trials] == [0.02]


def test_a_point_that_is_being_taken_while_others_are_prepared_is_not_prepared_again(
    desk: StudyDesk, settings: Settings
) -> None:
    desk.prepare(point(0.01))
    claim = desk.claim()
    document = desk.load(claim)
    taken: list[object] = []

    def ask() -> None:
        with connect(settings) as conn:
            taken.extend(desk.try_ask(conn=conn).trials)

    thread = threading.Thread(target=ask)
    blocked = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with connect(settings) as onlooker, desk.conn.transaction():
        desk.conn.execute("SELECT FROM study WHERE id = %s FOR UPDATE", (desk.study.id,))
        thread.start()
        while onlooker.execute(blocked).fetchone() is None:
            time.sleep(0.01)
        desk.finish(claim, document, [point(0.01), point(0.02)])
    thread.join(10)

    assert [trial.params["lr"] for trial in taken] == [0.01]  # type: ignore[attr-defined]
    assert [trial.params["lr"] for trial in desk.try_ask(2).trials] == [0.02]


def test_a_prepared_point_that_was_tried_meanwhile_is_not_handed_out(desk: StudyDesk) -> None:
    desk.prepare(point(0.01), point(0.02))
    desk.add(point(0.01), values={"loss": 1.0})

    assert [trial.params["lr"] for trial in desk.try_ask(2).trials] == [0.02]

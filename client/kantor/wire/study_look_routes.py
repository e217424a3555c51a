"""Routes of what studies show (analyses), and of comparisons. Every one may be sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from api_schemas.study_analyses import Analysis, Calibration, Contour, Marginal, Progress, StudyStopping, Utility
from api_schemas.study_comparisons import Comparison, ComparisonPage, ComparisonRequest
from kantor.wire.retry import send
from kantor.wire.routes import Policy, read
from kantor.wire.steps import Call, Emit, Flow, Send, Sleep
from kantor.wire.study_routes import get, make, path, post


def _looked(policy: Policy, study_id: str, what: str, *params: tuple[str, Any]) -> Flow[Analysis]:
    """Asks until a worker has it."""
    given = tuple((name, str(value)) for name, value in params if value is not None)
    pause = 0.1
    while True:
        reply = yield from get(policy, path(study_id, what), *given, ("wait", "20"), hold=20.0)
        if reply.status == 200:
            return read(Analysis, reply)
        yield Sleep(pause)  # 202: a job is at it
        pause = min(2.0, pause * 2)


def main_effects(policy: Policy, study_id: str) -> Flow[dict[str, dict[str, float]]]:
    return (yield from _looked(policy, study_id, "importance")).main_effects or {}


def marginals(
    policy: Policy,
    study_id: str,
    parameters: Sequence[str],
    objective: str | None,
    grid: int | None,
    trial: int | None,
) -> Flow[list[Marginal]]:
    found = yield from _looked(
        policy,
        study_id,
        "marginals",
        *(("parameter", name) for name in parameters),
        ("objective", objective),
        ("grid", grid),
        ("trial", trial),
    )
    return found.marginals or []


def contour(
    policy: Policy, study_id: str, x: str, y: str, objective: str | None, grid: int | None, trial: int | None
) -> Flow[Contour]:
    params = (("x", x), ("y", y), ("objective", objective), ("grid", grid), ("trial", trial))
    found = yield from _looked(policy, study_id, "contour", *params)
    assert found.contour is not None
    return found.contour


def calibration(policy: Policy, study_id: str) -> Flow[dict[str, Calibration]]:
    return (yield from _looked(policy, study_id, "calibration")).calibration or {}


def progress(policy: Policy, study_id: str) -> Flow[Progress]:
    found = (yield from _looked(policy, study_id, "progress")).progress
    assert found is not None
    return found


def stopping(policy: Policy, study_id: str) -> Flow[StudyStopping]:
    found = (yield from _looked(policy, study_id, "stopping")).stopping
    assert found is not None
    return found


def utilities(policy: Policy, study_id: str) -> Flow[list[Utility]]:
    return (yield from _looked(policy, study_id, "utilities")).utilities or []


def compare(policy: Policy, study_id: str, best: Sequence[int], others: Sequence[int], key: str) -> Flow[Comparison]:
    """With a key, so that it can be sent again."""
    request = make(ComparisonRequest, {"best": list(best), "others": list(others), "key": key or uuid4().hex})
    return read(Comparison, (yield from post(policy, path(study_id, "comparisons"), request, patient=True)))


def retract(policy: Policy, study_id: str, number: int) -> Flow[Comparison]:
    call = Send(Call("DELETE", path(study_id, "comparisons", number)))
    return read(Comparison, (yield from send(call, max_retries=policy.max_retries)))


def comparisons(policy: Policy, study_id: str) -> Flow[None]:
    """Emits comparisons by number."""
    after = 0
    while True:
        params = [("after", str(after)), ("limit", "1000")]
        page = read(ComparisonPage, (yield from get(policy, path(study_id, "comparisons"), *params)))
        for item in page.comparisons:
            yield Emit(item)
        if page.next_after is None:
            return
        after = page.next_after

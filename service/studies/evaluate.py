"""What evaluators say of their trials: signs of life, intermediate values, results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api_schemas.errors import FieldError, KantorError
from api_schemas.studies import FINISHED, LeaseRequest, ReportRequest, StudyRequest, TellRequest
from service.store.connect import Database
from service.studies import changes, stopping
from service.studies.lookup import require_open, study_row, trial_row
from service.studies.rows import TRIAL, StudyRow, TrialRow

_FINISH = f"""
UPDATE trial SET state = %(state)s, values = %(values)s::jsonb, reason = %(reason)s, feasible = %(feasible)s,
    lease_until = NULL, finished_at = now() WHERE id = %(id)s RETURNING {TRIAL}
"""  # noqa: S608
_BEAT = f"""
UPDATE trial SET lease_until = greatest(lease_until, now() + lease)
WHERE project_id = %(project)s AND study_id = %(study)s AND number = %(number)s AND state = 'running'
    AND (%(attempt)s::int IS NULL OR attempt = %(attempt)s::int)
RETURNING {TRIAL}
"""  # noqa: S608
_REPORT = """
INSERT INTO trial_report (project_id, study_id, trial_id, attempt, step, values)
VALUES (%(project)s, %(study)s, %(trial)s, %(attempt)s, %(step)s, %(values)s::jsonb)
ON CONFLICT (trial_id, attempt, step) DO UPDATE SET values = excluded.values, at = now()
"""
_NEWEST = """
SELECT values FROM trial_report WHERE trial_id = %s AND attempt = %s ORDER BY step DESC LIMIT 1
"""
_RETURN = f"""
UPDATE trial SET state = 'waiting', lease_until = NULL, client_id = '' WHERE id = %(id)s RETURNING {TRIAL}
"""  # noqa: S608


def tell(conn: Database, project_id: UUID, study_id: UUID, number: int, request: TellRequest) -> tuple[TrialRow, bool]:
    """End a trial. Telling the same twice is the same as once.

    Returns:
        the trial, and True if it was told already.

    Raises:
        KantorError: ``not-found``; ``conflict`` if it was told something else, or the study is archived;
            ``stale-lease`` if another evaluator has it now; ``invalid-request`` if values are missing.
    """
    study = study_row(conn, project_id, study_id)
    require_open(study)
    with conn.transaction():
        trial = trial_row(conn, study, number, lock=True)
        if request.attempt is not None and request.attempt > trial.attempt:
            raise _no_lease(trial, request.attempt)
        state, values, reason, feasible = _result(conn, study.request, trial, request)
        if trial.state in FINISHED:
            if (trial.state, trial.values) == (state, _as_stored(values)):
                return trial, True
            raise KantorError(
                "conflict",
                f"Trial {number} is {trial.state} already, with other values. To correct it, edit it "
                f"(PATCH /v1/studies/.../trials/{number}): its history keeps both.",
            )
        if trial.state == "running" and request.attempt is not None and request.attempt != trial.attempt:
            raise _stale(trial)
        parameters = {
            "id": trial.id,
            "state": state,
            "values": None if values is None else changes.dumps(values),
            "reason": reason,
            "feasible": feasible,
        }
        done = conn.execute(_FINISH, parameters, prepare=True).fetchone()
        assert done is not None
        changes.keep(conn, study, trial.id, state, state=state, result=True, values=values, reason=reason)
    return TrialRow(*done), False


def heartbeat(
    conn: Database, project_id: UUID, study_id: UUID, number: int, request: LeaseRequest
) -> tuple[TrialRow, bool, str]:
    """Extend a lease. Returns the trial, whether its evaluation should stop, and why.

    Raises:
        KantorError: ``not-found``, ``stale-lease``.
    """
    study = study_row(conn, project_id, study_id)
    trial = _beat(conn, study, number, request.attempt)
    return trial, *_stop(study)


def report(
    conn: Database, project_id: UUID, study_id: UUID, number: int, request: ReportRequest
) -> tuple[TrialRow, bool, str]:
    """Keep intermediate values, and extend the lease. Returns as ``heartbeat``, by the study's rule for early stopping.

    Raises:
        KantorError: ``not-found``, ``stale-lease``, ``invalid-request``.
    """
    study = study_row(conn, project_id, study_id)
    with conn.transaction():
        trial = _beat(conn, study, number, request.attempt)
        conn.execute(
            _REPORT,
            {
                "project": project_id,
                "study": study_id,
                "trial": trial.id,
                "attempt": trial.attempt,
                "step": request.step,
                "values": changes.dumps(request.values),
            },
            prepare=True,
        )
    stop, why = _stop(study)
    if not stop:
        stop, why = stopping.should_stop(conn, study, trial, request.step)
    return trial, stop, why


def release(conn: Database, project_id: UUID, study_id: UUID, number: int, request: LeaseRequest) -> TrialRow:
    """Give a trial back without a result: the next one who asks gets it.

    Raises:
        KantorError: ``not-found``, ``stale-lease``.
    """
    study = study_row(conn, project_id, study_id)
    with conn.transaction():
        trial = trial_row(conn, study, number, lock=True)
        if trial.state == "waiting" and trial.attempt == request.attempt:
            return trial
        if trial.state != "running" or trial.attempt != request.attempt:
            raise _stale(trial)
        done = conn.execute(_RETURN, {"id": trial.id}, prepare=True).fetchone()
        assert done is not None
        changes.keep(conn, study, trial.id, "returned", state="waiting", result=False, reason="given back")
    return TrialRow(*done)


def judge(
    study: StudyRequest, state: str, values: Mapping[str, Any] | None, reason: str
) -> tuple[str, dict[str, Any] | None, str, bool | None]:
    """State, values, reason and feasibility of a result as it is kept.

    Raises:
        KantorError: ``invalid-request``: values are missing.
    """
    if state in ("failed", "infeasible"):
        return state, None if values is None else dict(values), reason or "no reason was given", None
    wanted = [*study.objectives, *study.constraints]
    given = dict(values or {})
    missing = [name for name in wanted if name not in given]
    if missing:
        other = sorted(given.keys() - set(wanted))
        odd_names = f" ({', '.join(map(repr, other[:8]))}: no objective or constraint of this study)" if other else ""
        errors = [
            FieldError(
                pointer=f"/values/{name}",
                detail="is missing",
                hint="tell every objective and constraint, or the state failed or infeasible",
            )
            for name in missing
        ]
        raise KantorError("invalid-request", f"Values are missing: {', '.join(missing)}{odd_names}.", errors=errors)
    odd = next((name for name in wanted if not math.isfinite(float(given[name]))), None)
    if odd is not None:
        what = "not a number" if math.isnan(float(given[odd])) else "infinite"
        return "failed", given, reason or f"{odd} is {what}", None
    feasible = all(_meets(float(given[name]), bound) for name, bound in study.constraints.items())
    return state, given, reason, feasible


def _result(
    conn: Database, study: StudyRequest, trial: TrialRow, request: TellRequest
) -> tuple[str, dict[str, Any] | None, str, bool | None]:
    values = request.values
    if values is None and request.state in ("completed", "stopped"):
        if trial.state in FINISHED:
            values = trial.values
        else:
            newest = conn.execute(_NEWEST, (trial.id, trial.attempt), prepare=True).fetchone()
            values = None if newest is None else newest[0]
    return judge(study, request.state, values, request.reason)


def _meets(value: float, bound: str) -> bool:
    text = bound.strip()
    limit = float(text[2:])
    return value <= limit if text.startswith("<=") else value >= limit


def _as_stored(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As it comes back from the table: odd numbers are strings."""
    import orjson

    return None if values is None else dict(orjson.loads(changes.dumps(values)))


def _beat(conn: Database, study: StudyRow, number: int, attempt: int | None) -> TrialRow:
    parameters = {"project": study.project_id, "study": study.id, "number": number, "attempt": attempt}
    found = conn.execute(_BEAT, parameters, prepare=False).fetchone()
    if found is not None:
        return TrialRow(*found)
    trial = trial_row(conn, study, number)
    if attempt is not None and attempt > trial.attempt:
        raise _no_lease(trial, attempt)
    raise _stale(trial)


def _stop(study: StudyRow) -> tuple[bool, str]:
    return study.state == "archived", "the study is archived" if study.state == "archived" else ""


def _stale(trial: TrialRow) -> KantorError:
    words = {
        "running": "another evaluator has it now",
        "waiting": "its lease ran out, and it waits for another evaluator",
    }
    what = words.get(trial.state, f"it is {trial.state} already")
    return KantorError(
        "stale-lease",
        f"Trial {trial.number}: {what}. Stop this evaluation and ask for another trial; heartbeats more often than "
        "lease_seconds keep a trial.",
    )


def _no_lease(trial: TrialRow, attempt: int) -> KantorError:
    return KantorError(
        "invalid-request",
        f"/attempt: trial {trial.number} was never leased {attempt} times, but {trial.attempt}.",
        errors=[FieldError(pointer="/attempt", detail="is above the trial's", hint=f"the trial's is {trial.attempt}")],
    )

"""Between a study and a job that works on it: the data at its beginning, the results in its last transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from api_schemas.errors import KantorError
from api_schemas.ids import STUDY, decode
from api_schemas.study_spaces import constraint_tree
from service.hooks import Finish
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database
from service.studies import points, pool
from service.studies.comparisons import known
from service.studies.lookup import study_row, trial_row
from service.studies.rows import STUDY as COLUMNS
from service.studies.rows import StudyRow

MOST_PREPARED = 32
MOST_AT_ONCE = 256

# The newest change of each trial up to a watermark: what was known then.
_DATA = """
SELECT trial.number, trial.params, change.state, change.values, change.reason, trial.started_at, trial.finished_at
FROM (SELECT DISTINCT ON (trial_id) * FROM trial_change WHERE study_id = %s AND watermark <= %s
      ORDER BY trial_id, watermark DESC) AS change
JOIN trial ON trial.id = change.trial_id ORDER BY trial.number
"""
_CURVES = """
SELECT trial.number, report.step, report.values
FROM trial_report AS report JOIN trial ON trial.id = report.trial_id AND trial.attempt = report.attempt
WHERE report.study_id = %s AND trial.state = 'stopped' ORDER BY trial.number, report.step LIMIT 200000
"""
_TOLD = "SELECT count(*) FROM trial_change WHERE study_id = %s AND watermark <= %s AND type = ANY(%s)"
_RESULTS = ["completed", "stopped", "failed", "infeasible", "edited"]
_CLEAR = """
DELETE FROM suggestion WHERE id IN (
    SELECT id FROM suggestion WHERE study_id = %s AND fixed = %s AND told <= %s ORDER BY id FOR UPDATE SKIP LOCKED)
"""
# A suggestion that is still there was being taken by an ask while the others were cleared: its trial is not seen yet.
_NEW = """
INSERT INTO suggestion (project_id, study_id, fixed, params, made, told)
SELECT %(project)s, %(study)s, %(fixed)s, item.value->'params', item.value->'made', %(told)s
FROM jsonb_array_elements(%(items)s::jsonb) WITH ORDINALITY AS item (value, n)
WHERE %(noisy)s OR NOT EXISTS (
    SELECT FROM trial WHERE study_id = %(study)s AND jsonb_hash(params) = jsonb_hash(item.value->'params')
        AND params = item.value->'params')
    AND NOT EXISTS (
    SELECT FROM suggestion WHERE study_id = %(study)s AND fixed = %(fixed)s AND params = item.value->'params')
ORDER BY item.n
"""
_RUNNING = "SELECT count(*) FROM trial WHERE study_id = %s AND state = 'running'"
_ANALYSED = """
UPDATE study_analysis SET document = %s, watermark = %s WHERE project_id = %s AND study_id = %s AND job_id = %s
"""


def load(conn: Database, claim: Claim) -> bytes:
    """The document for the runner: the job's, with the study and its data as they are now.

    Raises:
        KantorError: ``not-found``: the study is gone, or another project's.
    """
    document = orjson.loads(claim.document)
    work = document["problem"]
    study = study_row(conn, claim.project_id, _study_id(work["study"]))
    watermark, told, seed = study.watermark, study.told, study.seed
    count, fixed = int(work.get("count") or 1), work.get("fixed") or {}
    replayed: dict[str, Any] | None = None
    if work["work"] == "suggest" and not fixed:
        running = conn.execute(_RUNNING, (study.id,), prepare=False).fetchone()
        wanted = study.definition.get("prefetch") or min(MOST_PREPARED, running[0] if running else 0)
        count = min(MOST_AT_ONCE, max(count, wanted, 1))
    elif work["work"] == "replay":
        replayed = trial_row(conn, study, int(work["trial"])).made
        if "watermark" not in replayed:
            raise KantorError("conflict", f"The point of trial {work['trial']} was not suggested by an engine.")
        watermark, count, fixed = replayed["watermark"], replayed["count"], replayed["fixed"]
        row = conn.execute(_TOLD, (study.id, watermark, _RESULTS)).fetchone()
        told = int(row[0]) if row else 0
    document["problem"] = {
        **work,
        "step": {
            "study": described(study),
            "observations": {
                "trials": observations(conn, study, watermark),
                "comparisons": known(conn, study, watermark),
            },
            "count": count,
            "fixed": fixed,
            "seed": seed,
        },
        "watermark": watermark,
        "told": told,
        "replayed": replayed,
    }
    document["options"] = {**document.get("options", {}), "engine_options": study.definition.get("engine_options", {})}
    return orjson.dumps(document)


def on_finish(conn: Database, claim: Claim, finished: Finish, settings: Settings) -> UUID | None:
    """Store what a job found out, in the transaction that finishes it; returns a job that has to follow."""
    work = orjson.loads(claim.document)["problem"]
    found = conn.execute(
        f"SELECT {COLUMNS} FROM study WHERE project_id = %s AND id = %s FOR UPDATE",  # noqa: S608
        (claim.project_id, _study_id(work["study"])),
    ).fetchone()
    if found is None:
        return None
    study = StudyRow(*found)
    answer = finished.answer
    result = orjson.loads(answer) if answer is not None and finished.state == "succeeded" else None
    if work["work"] != "suggest":
        if result is not None:
            known = (answer, result["watermark"], study.project_id, study.id, claim.job_id)
            conn.execute(_ANALYSED, known)
        return None
    mine = study.suggesting == claim.job_id
    if result is None:
        error = finished.error
        words = error.detail if error is not None else f"the job that makes suggestions was {finished.state}"
        conn.execute(
            "UPDATE study SET problem = %s, suggesting = CASE WHEN %s THEN NULL ELSE suggesting END WHERE id = %s",
            (words[:2000], mine, study.id),
        )
        return None
    _store(conn, study, result)
    conn.execute(
        "UPDATE study SET problem = %s, suggesting = CASE WHEN %s THEN NULL ELSE suggesting END WHERE id = %s",
        (result.get("message", ""), mine, study.id),
    )
    if mine and study.told > result["told"] and study.state == "active":
        # whoever told a result meanwhile wants another trial
        count = min(MOST_AT_ONCE, study.told - result["told"])
        try:
            return pool.follow_up(conn, study, count=count, pool=claim.pool, settings=settings).job_id
        except KantorError as error:
            if error.code != "quota-exceeded":
                raise
    return None


def described(study: StudyRow) -> dict[str, Any]:
    """The study in the solvers' plain form."""
    request = study.request
    parameters = []
    for name, parameter in request.space.items():
        fields = parameter.model_dump(mode="json", exclude_none=True)
        if not fields.get("when"):
            fields.pop("when", None)
        parameters.append({"name": name, **fields})
    constraints = [{"tree": constraint_tree(text), "text": text} for text in request.input_constraints]
    return {
        "space": {"parameters": parameters, "constraints": constraints},
        "objectives": [{"name": name, "goal": goal} for name, goal in request.objectives.items()],
        "constraints": [
            {"name": name, "sense": bound.strip()[:2], "bound": float(bound.strip()[2:])}
            for name, bound in request.constraints.items()
        ],
        "noise": {None: "unknown", False: "none", True: "high"}[request.noise],
        "trials": request.budget,
        "parallel": request.parallel,
        "evaluation_seconds": request.evaluation_seconds,
    }


def observations(conn: Database, study: StudyRow, watermark: int) -> list[dict[str, Any]]:
    """The trials as they were known at a watermark, in the solvers' plain form."""
    request = study.request
    items: dict[int, dict[str, Any]] = {}
    for row in conn.execute(_DATA, (study.id, watermark), prepare=False).fetchall():
        items[row[0]] = _observation(request.objectives, request.constraints, row)
    if any(item["state"] == "stopped" for item in items.values()):
        for number, step, values in conn.execute(_CURVES, (study.id,), prepare=False).fetchall():
            if number in items and items[number]["state"] == "stopped":
                curves = items[number].setdefault("curves", {})
                for name in request.objectives:
                    if isinstance(values.get(name), int | float):
                        curves.setdefault(name, []).append([step, values[name]])
    return list(items.values())


def _observation(objectives: Mapping[str, Any], constraints: Mapping[str, Any], row: Sequence[Any]) -> dict[str, Any]:
    number, params, state, values, reason, started_at, finished_at = row
    states = {"completed": "complete", "waiting": "pending", "running": "pending"}
    item: dict[str, Any] = {"number": number, "parameters": params, "state": states.get(state, state)}
    if values:
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        item["values"] = {name: numbers[name] for name in objectives if name in numbers}
        item["constraints"] = {name: numbers[name] for name in constraints if name in numbers}
    if reason:
        item["reason"] = reason
    if item["state"] == "complete" and isinstance(started_at, datetime) and isinstance(finished_at, datetime):
        item["cost"] = round(max(0.0, (finished_at - started_at).total_seconds()), 3)
    return item


def _store(conn: Database, study: StudyRow, result: Mapping[str, Any]) -> None:
    """Replace the suggestions that knew less."""
    fixed = points.canonical(result.get("fixed") or {})
    suggestions = result["suggestions"]
    items = [
        {
            "params": suggestion["params"],
            "made": {
                "why": suggestion.get("why", ""),
                "engine": result["engine"],
                "engine_version": result["engine_version"],
                "seed": result["seed"],
                "watermark": result["watermark"],
                "count": result["statistics"].get("count", len(suggestions)),
                "place": place,
                "fixed": result.get("fixed") or {},
                "explanation": suggestion.get("explanation", {}),
            },
        }
        for place, suggestion in enumerate(suggestions)
    ]
    conn.execute(_CLEAR, (study.id, fixed, result["told"]))
    conn.execute(
        _NEW,
        {
            "project": study.project_id,
            "study": study.id,
            "fixed": fixed,
            "told": result["told"],
            "items": orjson.dumps(items).decode(),
            "noisy": study.request.noise is True,
        },
    )


def _study_id(name: str) -> UUID:
    return decode(STUDY, name)

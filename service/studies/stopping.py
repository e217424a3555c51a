"""Early stopping of trials by their intermediate values: by the median, by successive halving (ASHA), or by where the
learning curve will end.

Median rule: Golovin et al., Google Vizier, KDD 2017, section 3.2.1. ASHA: Li et al., MLSys 2020, algorithm 2.
"""

from __future__ import annotations

import math
from typing import Any

from api_schemas.studies import EarlyStopping
from service.store.connect import Database
from service.studies.curves import FEWEST, chance_below, extrapolate
from service.studies.rows import StudyRow, TrialRow

_CURVE = """
SELECT step, values->>%(metric)s FROM trial_report
WHERE trial_id = %(trial)s AND attempt = %(attempt)s AND step <= %(step)s AND values ? %(metric)s ORDER BY step
"""
# Of every other trial that got as far: the mean of what it reported up to there.
_MEANS = """
SELECT avg(nullif(report.values->>%(metric)s, 'NaN')::double precision)
FROM trial_report AS report JOIN trial ON trial.id = report.trial_id AND trial.attempt = report.attempt
WHERE report.study_id = %(study)s AND report.trial_id <> %(trial)s AND report.step <= %(step)s
    AND report.values ? %(metric)s
GROUP BY report.trial_id HAVING max(report.step) >= %(step)s
    OR EXISTS (SELECT FROM trial_report AS later WHERE later.trial_id = report.trial_id AND later.step >= %(step)s)
"""
# Of every other trial: the first thing that it reported from the rung on.
_RUNG = """
SELECT DISTINCT ON (report.trial_id) (report.values->>%(metric)s)::double precision
FROM trial_report AS report JOIN trial ON trial.id = report.trial_id AND trial.attempt = report.attempt
WHERE report.study_id = %(study)s AND report.trial_id <> %(trial)s AND report.step >= %(rung)s
    AND report.values ? %(metric)s
ORDER BY report.trial_id, report.step
"""

_ENDS = """
SELECT (values->>%(metric)s)::double precision FROM trial
WHERE study_id = %(study)s AND id <> %(trial)s AND state = 'completed' AND feasible
"""


def should_stop(conn: Database, study: StudyRow, trial: TrialRow, step: int) -> tuple[bool, str]:
    """Whether a trial that has just reported ``step`` should stop, and why."""
    rule = study.request.early_stopping
    if rule.rule == "none" or step < rule.grace:
        return False, ""
    metric = rule.metric or next(iter(study.request.objectives))
    sign = 1.0 if study.request.objectives[metric] == "min" else -1.0
    parameters: dict[str, Any] = {
        "study": study.id,
        "trial": trial.id,
        "attempt": trial.attempt,
        "step": step,
        "metric": metric,
    }
    curve = [(int(s), sign * float(v)) for s, v in conn.execute(_CURVE, parameters, prepare=False).fetchall()]
    if not curve:
        return False, ""
    if not math.isfinite(curve[-1][1]):
        return True, f"{metric} is not finite at step {step}"
    if rule.rule == "median":
        return _median(conn, rule, parameters, curve, sign)
    if rule.rule == "curve":
        return _curve(conn, rule, parameters, curve, sign)
    return _halving(conn, rule, parameters, curve, sign)


def _median(
    conn: Database, rule: EarlyStopping, parameters: dict[str, Any], curve: list[tuple[int, float]], sign: float
) -> tuple[bool, str]:
    means = [sign * row[0] for row in conn.execute(_MEANS, parameters, prepare=False).fetchall() if row[0] is not None]
    if len(means) < rule.startup:
        return False, ""
    middle = _middle(means)
    best = min(value for _, value in curve)
    if best <= middle:
        return False, ""
    return True, (
        f"its best {parameters['metric']} until step {parameters['step']}, {sign * best:.6g}, is worse than the median"
        f" of {len(means)} other trials' means, {sign * middle:.6g}"
    )


def _halving(
    conn: Database, rule: EarlyStopping, parameters: dict[str, Any], curve: list[tuple[int, float]], sign: float
) -> tuple[bool, str]:
    step = parameters["step"]
    rung = max(1, rule.grace)
    while rung * rule.reduction <= step:
        rung *= rule.reduction
    reached = [value for at, value in curve if at >= rung]
    if len(reached) != 1:  # the rung was judged when it was reached
        return False, ""
    rows = conn.execute(_RUNG, {**parameters, "rung": rung}, prepare=False).fetchall()
    others = sorted(sign * row[0] for row in rows if row[0] is not None and math.isfinite(row[0]))
    places = max(1, (len(others) + 1) // rule.reduction)
    rank = sum(value < reached[0] for value in others) + 1
    if len(others) + 1 < rule.reduction or rank <= places:
        return False, ""
    return True, f"at rung {rung} it is number {rank} of {len(others) + 1}; the best {places} go on"


def _curve(
    conn: Database, rule: EarlyStopping, parameters: dict[str, Any], curve: list[tuple[int, float]], sign: float
) -> tuple[bool, str]:
    assert rule.horizon is not None
    curve = [point for point in curve if math.isfinite(point[1])]
    if len(curve) < FEWEST or curve[-1][0] >= rule.horizon:
        return False, ""
    rows = conn.execute(_ENDS, parameters, prepare=False).fetchall()
    ends = [sign * row[0] for row in rows if row[0] is not None and math.isfinite(row[0])]
    if len(ends) < rule.startup:
        return False, ""
    best = min(ends)
    mean, deviation = extrapolate(curve, rule.horizon)
    chance = chance_below(best, mean, deviation)
    if chance >= rule.chance:
        return False, ""
    return True, (
        f"{parameters['metric']} is expected to be {sign * mean:.6g} (standard deviation {deviation:.2g}) at step "
        f"{rule.horizon}: the chance to beat the best, {sign * best:.6g}, is {chance:.1%}"
    )


def _middle(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half])

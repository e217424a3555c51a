"""The first curve of a schedule, by its policy: knots of a piecewise linear curve."""

from __future__ import annotations

import math
from typing import Any

from api_schemas.schedules import ADVISED, Knots, ScheduleRequest

_PIECES = 64
"""Straight pieces of a cosine: it misses the true one by less than 0.0002 of the peak (its curvature is at most
(pi / length)**2 / 2, a chord of it misses by curvature * piece**2 / 8)."""


def base(request: ScheduleRequest) -> Knots:
    """The curve: a warm-up from 0 if asked for, then the policy's own shape."""
    last = float(max(request.horizon - 1, 0))
    peak, floor = request.peak, request.peak * request.final
    begin = request.warmup * last
    knots: Knots = [(0.0, 0.0)] if begin > 0 else []
    if request.policy in ADVISED or request.policy == "constant":
        knots += [(begin, peak), (last, peak)]
    elif request.policy == "cosine":
        for k in range(_PIECES + 1):
            share = k / _PIECES
            knots.append(
                (begin + share * (last - begin), floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * share)))
            )
    elif request.policy == "wsd":
        knots += [(begin, peak), ((1.0 - request.decay) * last, peak), (last, floor)]
    else:  # linear; refined begins with it
        knots += [(begin, peak), (last, floor)]
    return _ascending(knots)


def provenance(request: ScheduleRequest) -> dict[str, Any]:
    """How the first version came about."""
    why = {
        "refined": "Linear decay, to be refined from the gradient norms of its runs.",
        "adaptive-batch": "The batch is advised by the test; the curve is constant.",
        "pb2": "Values are advised to each run; the curve is constant.",
        "sor-bandit": "Values are drawn for each run; the curve is constant.",
    }
    return {"policy": request.policy, "why": why.get(request.policy, "As the request says.")}


def _ascending(knots: Knots) -> Knots:
    """Without knots at one step (a horizon of a few steps)."""
    kept: Knots = []
    for step, value in knots:
        if kept and step <= kept[-1][0]:
            kept.pop()
        kept.append((step, value))
    return kept

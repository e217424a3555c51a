"""Suggestions in a runner."""

from __future__ import annotations

from typing import Any

import pytest

from solvers.core.engine import LocalContext
from workers.families.study import FAMILY, _Impatient

SPACE = [{"name": name, "type": "float", "low": 0.0, "high": 1.0} for name in ("a", "b")]


def made(count: int) -> Any:
    """What comes of asking ``gp`` for so many points after twelve trials."""
    points = [{"a": k / 12, "b": (5 * k % 12) / 12} for k in range(12)]
    trials = [
        {"number": k, "parameters": p, "values": {"y": (p["a"] - 0.3) ** 2 + p["b"]}} for k, p in enumerate(points)
    ]
    step = {
        "study": {"space": {"parameters": SPACE}, "objectives": [{"name": "y", "goal": "min"}]},
        "observations": {"trials": trials},
        "count": count,
        "fixed": {},
        "seed": 3,
    }
    work = FAMILY.decode({"problem": {"work": "suggest", "step": step}}, files=None)  # type: ignore[arg-type]
    return FAMILY.solve(work, "gp", "", LocalContext()).advice


def test_a_long_row_of_suggestions_is_cut_after_the_first_ones_which_stay_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = made(3)
    monkeypatch.setattr(_Impatient, "SECONDS", 0.0)

    cut = made(200)

    assert [s.parameters for s in cut.suggestions] == [whole.suggestions[0].parameters]
    assert cut.finding is None, "the space is not used up"
